/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading files of sections and assignments
 *
 * libinih says what a line is. As distributions build it, it also cuts: lines at 200 bytes, section names
 * at 50, values at " ;", and its handler does not know the number of the line. None of that is settled at
 * run time, so this file lets none of it matter: it gives libinih one logical line at a time through a
 * reader of its own, without leading space (libinih would take the line for the continuation of the one
 * before), cut to what fits, and takes the value from the whole line, which it still has. A section's
 * line it reads itself, because libinih has no event for one.
 */

#include "loader/keyfile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "basic/file.h"
#include "basic/text.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct Keyfile {
        const char *path;
        unsigned flags;
        KeyfileHandler handler;
        void *userdata;
        LoadProblems *problems;

        char *rest; /* what was not read yet; NULL: nothing */
        char *end;
        unsigned line; /* of the last physical line */

        char *logical; /* the line that libinih has now; inside the data */
        unsigned logical_line;
        bool pending; /* libinih has not said what it is */

        char *section; /* inside the data; NULL: before the first */
        int error;
} Keyfile;

/* The next physical line without the space around it, cut out in place. */
static char *keyfile_next_physical(Keyfile *file) {
        char *line = file->rest, *newline;

        if (!line)
                return NULL;

        newline = memchr(line, '\n', (size_t)(file->end - line));
        if (newline) {
                *newline = 0;
                file->rest = newline + 1 < file->end ? newline + 1 : NULL;
        } else
                file->rest = NULL;
        file->line++;
        return text_strip(line);
}

static bool line_is_comment(const char *line) {
        return *line == '#' || *line == ';';
}

/* Joins what follows a backslash at the end, with a space; comments between are left out, as in unit files. */
static char *keyfile_join(Keyfile *file, char *line) {
        size_t length = strlen(line);

        while (length > 0 && line[length - 1] == '\\') {
                char *next;

                do
                        next = keyfile_next_physical(file);
                while (next && line_is_comment(next));

                line[length - 1] = ' ';
                if (!next)
                        break;

                /* There is room: next stands behind the line in the same data. */
                size_t added = strlen(next);
                memmove(line + length, next, added + 1);
                length += added;
        }
        return text_strip(line);
}

static char *keyfile_next_logical(Keyfile *file) {
        for (;;) {
                char *line = keyfile_next_physical(file);

                if (!line)
                        return NULL;
                if (!*line || line_is_comment(line))
                        continue;

                file->logical_line = file->line;
                if (file->flags & KEYFILE_CONTINUE)
                        line = keyfile_join(file, line);
                if (*line)
                        return line;
        }
}

static int keyfile_call(Keyfile *file, const char *key, const char *value) {
        return file->handler(
                        &(KeyfileLine){
                                        .path = file->path,
                                        .line = file->logical_line,
                                        .section = file->section,
                                        .key = key,
                                        .value = value,
                        },
                        file->userdata);
}

static int keyfile_begin_section(Keyfile *file, char *line) {
        size_t length = strlen(line);

        if (line[length - 1] != ']' || length < 3) {
                /* What follows must not count for the section before. */
                file->section = NULL;
                return problems_add(
                                file->problems,
                                file->path,
                                file->logical_line,
                                "this is not a section; write [Name]");
        }
        line[length - 1] = 0;
        file->section = text_strip(line + 1);
        return keyfile_call(file, NULL, NULL);
}

static int keyfile_settle(Keyfile *file) {
        if (!file->pending)
                return 0;

        file->pending = false;
        return problems_add(
                        file->problems,
                        file->path,
                        file->logical_line,
                        "\"%.60s\" is not understood; write [Section], Key=value or # comment",
                        file->logical);
}

/* libinih's fgets(): one logical line, cut to size; sections are handled on the way. */
static char *keyfile_on_read(char *buffer, int size, void *userdata) {
        Keyfile *file = userdata;

        if (file->error < 0)
                return NULL;
        file->error = keyfile_settle(file);

        while (file->error >= 0) {
                char *line = keyfile_next_logical(file);

                if (!line)
                        return NULL;
                if (*line == '[') {
                        file->error = keyfile_begin_section(file, line);
                        continue;
                }

                size_t length = MIN(strlen(line), (size_t)size - 2);
                memcpy(buffer, line, length);
                buffer[length] = '\n';
                buffer[length + 1] = 0;
                file->logical = line;
                file->pending = true;
                return buffer;
        }
        return NULL;
}

/* libinih found a key; the value is taken from the whole line. libinih takes ':' for '=', unit files do not. */
static int keyfile_assign(Keyfile *file, const char *name) {
        size_t length = strlen(name);
        char *value;

        if (length == 0 || strncmp(file->logical, name, length) != 0)
                return 0;
        value = file->logical + length;
        value += strspn(value, " \t");
        if (*value != '=')
                return 0;

        file->pending = false;
        if (!file->section)
                return problems_add(
                                file->problems,
                                file->path,
                                file->logical_line,
                                "\"%.60s\" stands in no section; begin one with [Name] above it",
                                name);

        return keyfile_call(file, name, text_strip(value + 1));
}

#if INI_HANDLER_LINENO
static int keyfile_on_assignment(
                void *userdata,
                const char *section _unused_,
                const char *name,
                const char *value _unused_,
                int line _unused_) {
#else
static int keyfile_on_assignment(
                void *userdata,
                const char *section _unused_,
                const char *name,
                const char *value _unused_) {
#endif
        Keyfile *file = userdata;

        if (file->error >= 0)
                file->error = keyfile_assign(file, name);
        return 1;
}

static int keyfile_load(
                const char *path, char **ret_data, size_t *ret_size, LoadProblems *problems) {
        struct stat st;
        int r;

        /* A pipe or a device would block or never end. */
        if (stat(path, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        else
                r = file_read(path, KEYFILE_SIZE_MAX, ret_data, ret_size);
        if (r >= 0)
                return 0;

        if (r == -EINVAL)
                problems_add(problems, path, 0, "cannot be read: not a regular file");
        else
                problems_add(problems, path, 0, "cannot be read: %s", strerror(-r));
        return r;
}

static int keyfile_check_text(
                const char *path, const char *data, size_t size, LoadProblems *problems) {
        const char *nul = memchr(data, 0, size);
        unsigned line = 1;
        int r;

        if (!nul)
                return 0;
        for (const char *p = data; p < nul; p++)
                line += *p == '\n';
        r = problems_add(problems, path, line, "contains a NUL byte; this is not a text file");
        return r < 0 ? r : -EINVAL;
}

int keyfile_read(
                const char *path,
                unsigned flags,
                KeyfileHandler handler,
                void *userdata,
                LoadProblems *problems) {
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        int r;

        r = keyfile_load(path, &data, &size, problems);
        if (r < 0)
                return r;

        r = keyfile_check_text(path, data, size, problems);
        if (r < 0)
                return r;

        Keyfile file = {
                .path = path,
                .flags = flags,
                .handler = handler,
                .userdata = userdata,
                .problems = problems,
                .rest = size > 0 ? data : NULL,
                .end = data + size,
        };
        if (text_starts_with(data, BYTE_ORDER_MARK))
                file.rest += strlen(BYTE_ORDER_MARK);

        /* A library that stops at its first error is called again for what remains. */
        while (file.error >= 0 && (file.rest || file.pending)) {
                r = ini_parse_stream(keyfile_on_read, &file, keyfile_on_assignment, &file);
                if (r == -2)
                        return -ENOMEM;
        }
        return file.error;
}
