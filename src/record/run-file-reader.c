/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reader keeps a window of the file in memory that grows to the largest line or value. Nothing in the
 * file is believed: names, lengths and the end are checked, since the writer may have died in the middle.
 */

#include "record/run-file-reader.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "record/entry-sum.h"
#include "record/field-filter.h"
#include "record/run-file-format.h"
#include "record/run-file-input.h"
#include "record/source.h"

#define READER_STEP      (64U * 1024U)
/* Above the largest value that ptest writes (PTEST_SPILL_SIZE_MAX), far below what would hurt. */
#define READER_VALUE_MAX (32U * 1024U * 1024U)
#define READER_ENTRY_MAX (2U * READER_VALUE_MAX)

/* So much is read again at most, after damage, so that a hostile file cannot make the reader slow. */
#define READER_AGAIN_MAX (256U * 1024U * 1024U)

/* Internal: the bytes that follow do not belong to what stands in the window. */
#define READER_GAP (-ESTALE)

struct RunFileReader {
        RunFileInput *input;
        char *data;
        size_t begin, end, allocated; /* data[begin..end) is read and not used yet */
        uint64_t offset;              /* of data[begin] in the uncompressed file */
        uint64_t gap_offset;          /* where the bytes after a gap stand */
        size_t gap_size;              /* that many of them stand at data[end] already */
        bool gap;                     /* after data[begin..end) there is one */
        bool eof;
        FieldFilter filter;

        EntrySum sum;      /* of data of this entry that went before data[summed] */
        size_t summed;     /* data[summed..begin) is of this entry, and not in the sum yet */
        bool sum_required; /* the file has checksums, so that none is missing but by damage */
        bool sum_seen, sum_good;
        bool recovering; /* from damage that was told, until there is a good entry */
        uint64_t again;  /* how much was read twice */
};

static int reader_open(const char *path, RunFileReader **ret) {
        _cleanup_(run_file_reader_freep) RunFileReader *reader = NULL;
        int r;

        reader = calloc(1, sizeof(RunFileReader));
        if (!reader)
                return -ENOMEM;
        entry_sum_init(&reader->sum);
        r = run_file_input_new(path, &reader->input);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

RunFileReader *run_file_reader_free(RunFileReader *reader) {
        if (!reader)
                return NULL;
        run_file_input_free(reader->input);
        free(reader->data);
        free(reader);
        return NULL;
}

/*
 * Whether the file has checksums is found out from its first two entries beforehand: otherwise the first one, with
 * its checksum's name damaged, would be believed.
 */
static int reader_probe(RunFileReader *reader, const char *path) {
        _cleanup_(run_file_reader_freep) RunFileReader *probe = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        if (!run_file_input_is_regular(reader->input))
                return 0;
        r = record_new(&record);
        if (r >= 0)
                r = reader_open(path, &probe);
        if (r < 0)
                return r;
        probe->filter.skip = SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS;
        for (unsigned i = 0; i < 2 && r >= 0; i++) {
                record_reset(record);
                r = run_file_reader_read(probe, record);
        }
        if (probe->sum_required)
                reader->sum_required = true;
        strv_free(run_file_reader_take_problems(probe));
        return MIN(r, 0);
}

int run_file_reader_new(const char *path, unsigned skip, RunFileReader **ret) {
        _cleanup_(run_file_reader_freep) RunFileReader *reader = NULL;
        int r;

        assert(path);
        assert(ret);

        r = reader_open(path, &reader);
        if (r >= 0)
                r = reader_probe(reader, path);
        if (r < 0)
                return r;
        reader->filter.skip = skip;
        *ret = TAKE_PTR(reader);
        return 0;
}

char **run_file_reader_take_problems(RunFileReader *reader) {
        return run_file_input_take_problems(reader->input);
}

static int reader_add_problem(RunFileReader *reader, uint64_t offset, const char *what) {
        return run_file_input_add_problem(reader->input, offset, what);
}

/* ---- The window ---- */

static void reader_add_sum(RunFileReader *reader) {
        entry_sum_add(&reader->sum, reader->data + reader->summed, reader->begin - reader->summed);
        reader->summed = reader->begin;
}

static void reader_skip(RunFileReader *reader, size_t n) {
        reader->begin += n;
        reader->offset += n;
}

/* Reads more of the file behind what is there. 0: nothing more */
static int reader_fill(RunFileReader *reader) {
        uint64_t offset = 0;
        ssize_t n;

        if (reader->eof)
                return 0;
        if (reader->gap)
                return READER_GAP;
        if (reader->begin > 0) {
                reader_add_sum(reader);
                memmove(reader->data, reader->data + reader->begin, reader->end - reader->begin);
                reader->end -= reader->begin;
                reader->begin = reader->summed = 0;
        }
        if (array_reserve(reader->data,
                          reader->allocated,
                          MAX(reader->end + READER_STEP, 4 * READER_STEP)) < 0)
                return -ENOMEM;
        n = run_file_input_read(
                        reader->input,
                        reader->data + reader->end,
                        reader->allocated - reader->end,
                        &reader->gap,
                        &offset);
        if (n < 0)
                return (int)n;
        reader->eof = n == 0;
        if (reader->gap) {
                reader->gap_offset = offset;
                reader->gap_size = (size_t)n;
                return READER_GAP;
        }
        reader->end += (size_t)n;
        return n > 0;
}

/* Drops what stands before the gap, and goes on behind it. */
static void reader_pass_gap(RunFileReader *reader) {
        reader->begin = reader->summed = reader->end;
        reader->end += reader->gap_size;
        reader->offset = reader->gap_offset;
        reader->gap = false;
}

/* The begin of an entry */
static void reader_begin_entry(RunFileReader *reader, Record *record) {
        record_reset(record);
        field_filter_reset(&reader->filter);
        entry_sum_init(&reader->sum);
        reader->summed = reader->begin;
        reader->sum_seen = reader->sum_good = false;
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

static bool line_is_checksum(const char *line, size_t size) {
        const size_t n = strlen(RUN_FILE_CHECKSUM_FIELD);

        return size > n && line[n] == '=' && memcmp(line, RUN_FILE_CHECKSUM_FIELD, n) == 0;
}

/* The last field of an entry; line does not end in a NUL. */
static void reader_check_sum(RunFileReader *reader, const char *line, size_t size) {
        char expected[sizeof(RUN_FILE_CHECKSUM_FIELD "=0123456789abcdef\n")];
        size_t n;

        reader_add_sum(reader);
        n = (size_t)snprintf(
                        expected,
                        sizeof(expected),
                        RUN_FILE_CHECKSUM_FIELD "=%016" PRIx64 "\n",
                        entry_sum_get(&reader->sum));
        reader->sum_seen = true;
        reader->sum_good = size == n && memcmp(line, expected, n) == 0;
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
        /* What stands behind the checksum is not covered by it. */
        reader->sum_good = false;
        equals = memchr(line, '=', size);
        if (!equals)
                return reader_read_binary(reader, size, record);
        if (line_is_checksum(line, size)) {
                reader_check_sum(reader, line, size);
                reader_skip(reader, size);
                return 1;
        }

        name_size = (size_t)(equals - line);
        if (!field_filter_drops(&reader->filter, line, name_size, size - name_size - 2)) {
                r = record_add_field(record, line, name_size, equals + 1, size - name_size - 2);
                if (r < 0)
                        return r == -E2BIG || r == -EINVAL ? -EBADMSG : r;
        }
        reader_skip(reader, size);
        return 1;
}

/* Does an entry begin here? Ours, and those of journalctl, do so with a field of the journal's own. */
static int reader_is_at_entry(RunFileReader *reader) {
        int r = reader_need(reader, 2);

        return r <= 0 ? r : memcmp(reader->data + reader->begin, "__", 2) == 0;
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
                        r = reader->sum_required ? reader_is_at_entry(reader) : 1;
                        if (r != 0)
                                return MIN(r, 0);
                        continue;
                }
                newline = memchr(data, '\n', n);
                at_line_begin = newline != NULL;
                reader_skip(reader, newline ? (size_t)(newline - data) + 1 : n);
        }
}

/*
 * Goes on after an entry that is damaged. What was read may have been too much, when it was its length that was
 * damaged; so the next entry is looked for from its begin, where that can be read again.
 */
static int reader_recover(RunFileReader *reader, uint64_t begin, const char *what) {
        int r;

        if (!reader->recovering) {
                r = reader_add_problem(reader, begin, what);
                if (r < 0)
                        return r;
        }
        reader->recovering = true;
        reader->again += reader->offset - begin;
        if (reader->again <= READER_AGAIN_MAX && run_file_input_go_back(reader->input, begin)) {
                reader->begin = reader->end = reader->summed = 0;
                reader->offset = begin;
                reader->eof = false;
        }
        return reader_skip_entry(reader);
}

/* What is wrong with an entry that was read to its end; NULL: nothing */
static const char *reader_judge_entry(RunFileReader *reader) {
        if (reader->sum_seen)
                reader->sum_required = true;
        if (reader->sum_seen)
                return reader->sum_good ? NULL : "the entry's checksum is wrong; entry left out";
        return reader->sum_required ? "the entry has no checksum; entry left out" : NULL;
}

/* One entry, or a try at it. 1: an entry; 0: the end; 2: not one, and again */
static int reader_try_entry(RunFileReader *reader, Record *record) {
        uint64_t begin = reader->offset;
        const char *problem = NULL;
        int r;

        reader_begin_entry(reader, record);
        do
                r = reader_read_field(reader, record);
        while (r == 1 && reader->offset - begin <= READER_ENTRY_MAX);

        if (r == 2 && reader->offset - begin == 1)
                return 2;
        if (r == 0 && record->n_fields == 0 && reader->end == reader->begin)
                return 0;
        if (r == 2)
                problem = reader_judge_entry(reader);
        else if (r == 0)
                problem = "the entry is cut off";
        else if (r == 1 || r == -EBADMSG)
                problem = "not a field; entry left out";
        if (problem)
                r = reader_recover(reader, begin, problem);
        else if (r == 2) {
                reader->recovering = false;
                r = field_filter_finish(&reader->filter, record);
                return r < 0 ? r : 1;
        }
        /* What is missing has been told by the input. */
        if (r == READER_GAP) {
                reader_pass_gap(reader);
                r = 0;
        }
        return r < 0 ? r : 2;
}

int run_file_reader_read(RunFileReader *reader, Record *record) {
        int r;

        assert(record->n_fields == 0);

        do
                r = reader_try_entry(reader, record);
        while (r == 2);
        if (r <= 0)
                record_reset(record);
        return r;
}

int run_file_reader_seek_last(RunFileReader *reader) {
        int r = run_file_input_seek_last(reader->input);

        if (r <= 0)
                return r;
        reader->begin = reader->end = reader->summed = 0;
        reader->eof = reader->gap = false;
        return 1;
}
