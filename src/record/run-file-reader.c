/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reader keeps a window of the file in memory that grows to the largest line or value. Nothing in the
 * file is believed: names, lengths and the end are checked, since the writer may have died in the middle.
 */

#include "record/run-file-reader.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/strv.h"
#include "record/field-filter.h"

#define READER_STEP         (64U * 1024U)
/* Above the largest value that ptest writes (PTEST_SPILL_SIZE_MAX), far below what would hurt. */
#define READER_VALUE_MAX    (32U * 1024U * 1024U)
#define READER_PROBLEMS_MAX 20U

struct RunFileReader {
        int fd;
        char *path;
        char *data;
        size_t begin, end, allocated; /* data[begin..end) is read and not used yet */
        uint64_t offset;              /* of data[begin] in the file */
        bool eof;
        FieldFilter filter;
        char **problems;
};

RunFileReader *run_file_reader_free(RunFileReader *reader) {
        if (!reader)
                return NULL;
        fd_close(reader->fd);
        free(reader->path);
        free(reader->data);
        strv_free(reader->problems);
        free(reader);
        return NULL;
}

int run_file_reader_new(const char *path, unsigned skip, RunFileReader **ret) {
        _cleanup_(run_file_reader_freep) RunFileReader *reader = NULL;

        assert(path);
        assert(ret);

        reader = calloc(1, sizeof(RunFileReader));
        if (!reader)
                return -ENOMEM;
        reader->fd = -1;
        reader->filter.skip = skip;
        reader->path = strdup(path);
        if (!reader->path)
                return -ENOMEM;
        reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (reader->fd < 0)
                return -errno;
        *ret = TAKE_PTR(reader);
        return 0;
}

char **run_file_reader_take_problems(RunFileReader *reader) {
        return TAKE_PTR(reader->problems);
}

static int reader_add_problem(RunFileReader *reader, uint64_t offset, const char *what) {
        size_t n = strv_length(reader->problems);

        if (n > READER_PROBLEMS_MAX)
                return 0;
        if (n == READER_PROBLEMS_MAX)
                return strv_extendf(&reader->problems, "%s: and more", reader->path);
        return strv_extendf(
                        &reader->problems, "%s: byte %" PRIu64 ": %s", reader->path, offset, what);
}

static void reader_skip(RunFileReader *reader, size_t n) {
        reader->begin += n;
        reader->offset += n;
}

/* Reads more of the file behind what is there. 0: nothing more */
static int reader_fill(RunFileReader *reader) {
        ssize_t n;

        if (reader->eof)
                return 0;
        if (reader->begin > 0) {
                memmove(reader->data, reader->data + reader->begin, reader->end - reader->begin);
                reader->end -= reader->begin;
                reader->begin = 0;
        }
        if (reader->allocated - reader->end < READER_STEP) {
                size_t size = MAX(reader->allocated * 2, 2 * READER_STEP);
                char *data = realloc(reader->data, size);

                if (!data)
                        return -ENOMEM;
                reader->data = data;
                reader->allocated = size;
        }
        do
                n = read(reader->fd, reader->data + reader->end, reader->allocated - reader->end);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        reader->eof = n == 0;
        reader->end += (size_t)n;
        return n > 0;
}

/* Makes n bytes present. 0: the file ends before */
static int reader_need(RunFileReader *reader, size_t n) {
        while (reader->end - reader->begin < n) {
                int r = reader_fill(reader);

                if (r <= 0)
                        return r;
        }
        return 1;
}

/* Makes a line present, its newline included. 0: the file ends before; -EBADMSG: too long for a line of ours */
static int reader_need_line(RunFileReader *reader, size_t *ret_size) {
        size_t seen = 0;

        for (;;) {
                size_t n = reader->end - reader->begin;
                char *newline = NULL;
                int r;

                if (n > seen)
                        newline = memchr(reader->data + reader->begin + seen, '\n', n - seen);
                if (newline) {
                        *ret_size = (size_t)(newline - (reader->data + reader->begin)) + 1;
                        return 1;
                }
                if (n > READER_VALUE_MAX)
                        return -EBADMSG;
                seen = n;
                r = reader_fill(reader);
                if (r <= 0)
                        return r;
        }
}

/* The value after a line with only a name, which has line_size bytes. 1, 0: truncated, -EBADMSG */
static int reader_read_binary(RunFileReader *reader, size_t line_size, Record *record) {
        const char *name;
        uint64_t size;
        size_t head = line_size + sizeof(size);
        int r;

        if (!record_name_is_valid(reader->data + reader->begin, line_size - 1))
                return -EBADMSG;
        r = reader_need(reader, head);
        if (r <= 0)
                return r;
        memcpy(&size, reader->data + reader->begin + line_size, sizeof(size));
        size = le64toh(size);
        if (size > READER_VALUE_MAX)
                return -EBADMSG;
        r = reader_need(reader, head + size + 1);
        if (r <= 0)
                return r;

        name = reader->data + reader->begin;
        if (name[head + size] != '\n')
                return -EBADMSG;
        if (!field_filter_drops(&reader->filter, name, line_size - 1, size)) {
                r = record_add_field(record, name, line_size - 1, name + head, size);
                if (r < 0)
                        return r == -E2BIG ? -EBADMSG : r;
        }
        reader_skip(reader, head + size + 1);
        return 1;
}

/* One field. 1; 2: the empty line at an entry's end; 0: the end of the file */
static int reader_read_field(RunFileReader *reader, Record *record) {
        const char *line, *equals;
        size_t size, name_size;
        int r;

        r = reader_need_line(reader, &size);
        if (r <= 0)
                return r;
        line = reader->data + reader->begin;
        if (size == 1) {
                reader_skip(reader, 1);
                return 2;
        }
        equals = memchr(line, '=', size);
        if (!equals)
                return reader_read_binary(reader, size, record);

        name_size = (size_t)(equals - line);
        if (!field_filter_drops(&reader->filter, line, name_size, size - name_size - 2)) {
                r = record_add_field(record, line, name_size, equals + 1, size - name_size - 2);
                if (r < 0)
                        return r == -E2BIG || r == -EINVAL ? -EBADMSG : r;
        }
        reader_skip(reader, size);
        return 1;
}

/* Behind the next empty line, without keeping what stands before it. */
static int reader_skip_entry(RunFileReader *reader) {
        bool at_line_begin = false;

        for (;;) {
                size_t n = reader->end - reader->begin;
                char *data = reader->data + reader->begin, *newline;
                int r;

                if (n == 0) {
                        r = reader_fill(reader);
                        if (r <= 0)
                                return r;
                        continue;
                }
                if (at_line_begin && data[0] == '\n') {
                        reader_skip(reader, 1);
                        return 0;
                }
                newline = memchr(data, '\n', n);
                at_line_begin = newline != NULL;
                reader_skip(reader, newline ? (size_t)(newline - data) + 1 : n);
        }
}

int run_file_reader_read(RunFileReader *reader, Record *record) {
        uint64_t begin = reader->offset;

        assert(record->n_fields == 0);

        for (;;) {
                int r = reader_read_field(reader, record);

                if (r == 2 && record->n_fields > 0) {
                        r = field_filter_finish(&reader->filter, record);
                        return r < 0 ? r : 1;
                }
                if (r == 2)
                        begin = reader->offset;
                if (r > 0)
                        continue;

                if (r == 0) {
                        if (record->n_fields > 0 || reader->end > reader->begin)
                                r = reader_add_problem(reader, begin, "the last entry is cut off");
                        reader_skip(reader, reader->end - reader->begin);
                        record_reset(record);
                        return r;
                }
                if (r != -EBADMSG)
                        return r;
                r = reader_add_problem(reader, reader->offset, "not a field; entry left out");
                if (r >= 0)
                        r = reader_skip_entry(reader);
                if (r < 0)
                        return r;
                record_reset(record);
                field_filter_reset(&reader->filter);
                begin = reader->offset;
        }
}
