/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program's own messages
 *
 * A message is written in one piece, so that those of several processes do not mix. Each of its lines
 * carries the prefix: a line without a priority would get the journal's default.
 */
#include "basic/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"

static int log_level = LOG_WARNING;
static void (*log_hook)(void *userdata, int after);
static void *log_hook_userdata;

void log_set_level(int level) {
        log_level = level;
}

void log_set_hook(void (*hook)(void *userdata, int after), void *userdata) {
        log_hook = hook;
        log_hook_userdata = userdata;
}

static bool log_wants(int level) {
        const char *debug = getenv("PTEST_DEBUG");

        return level <= log_level || (debug && strcmp(debug, "1") == 0);
}

/* $JOURNAL_STREAM is inherited also by those whose stderr goes elsewhere: only a match counts. */
static bool log_is_to_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        _cleanup_free_ char *own = NULL;
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        if (asprintf(&own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino) < 0)
                return false;
        return strcmp(stream, own) == 0;
}

static void log_print(FILE *f, int level, char *text) {
        const bool to_journal = log_is_to_journal();
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n"))) {
                if (line[0] == '\0' && !rest && line != text)
                        break; /* the message ended in a newline of its own */
                if (to_journal)
                        fprintf(f, "<%i>%s\n", level, line);
                else
                        fprintf(f, "%s: %s\n", program_invocation_short_name, line);
        }
}

/* errno is what %m shall show. */
static char *log_format(int level, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;
        char *lines = NULL;
        size_t size = 0;

        if (vasprintf(&text, format, ap) < 0)
                return NULL;

        FILE *f = open_memstream(&lines, &size);

        if (!f)
                return NULL;
        log_print(f, level, text);
        if (fclose(f) != 0) {
                free(lines);
                return NULL;
        }
        return lines;
}

/* In one piece, where a live line leaves room for it. */
static void log_write(const char *text) {
        if (log_hook)
                log_hook(log_hook_userdata, 0);
        (void)fd_write_all(STDERR_FILENO, text, strlen(text));
        if (log_hook)
                log_hook(log_hook_userdata, 1);
}

void log_answer(const char *lines) {
        if (!log_is_to_journal())
                log_write(lines);
        else
                log_message(LOG_WARNING, "%s", lines);
}

void log_message(int level, const char *format, ...) {
        const int saved = errno;

        if (!log_wants(level))
                return;

        va_list ap;

        va_start(ap, format);
        _cleanup_free_ char *lines = log_format(level, format, ap);
        va_end(ap);

        /* Without memory the bare text is better than nothing. */
        const char *text = lines ?: format;

        log_write(text);
        errno = saved;
}
