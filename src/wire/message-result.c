/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The fields of a result in a "finished" message
 */

#include "wire/message-result.h"

#include "basic/strv.h"

#include <errno.h>
#include <string.h>

#define MARKS_ALL       ((unsigned)PTEST_MARK_END - 1)
#define EXIT_STATUS_MAX 255

/* ---- Packing ---- */

static void points_pack(
                Packer *packer, PackerFrame *map, const ResultPoint *points, size_t n_points) {
        if (n_points == 0)
                return;

        packer_key(packer, map, PTEST_KEY_POINTS);
        PackerFrame array = packer_open_array(packer);
        for (size_t i = 0; i < n_points; i++) {
                packer_element(&array);
                PackerFrame point = packer_open_array(packer);
                point.count = points[i].reason ? 4 : 3;
                packer_uint(packer, (uint64_t)points[i].outcome);
                packer_uint(packer, points[i].number);
                packer_text(packer, points[i].name);
                if (points[i].reason)
                        packer_text(packer, points[i].reason);
                packer_close(packer, &point);
        }
        packer_close(packer, &array);
}

static void lines_pack(Packer *packer, PackerFrame *map, const char *key, char *const *lines) {
        if (strv_length(lines) == 0)
                return;

        packer_key(packer, map, key);
        PackerFrame array = packer_open_array(packer);
        strv_for_each(s, lines) {
                packer_element(&array);
                packer_text(packer, *s);
        }
        packer_close(packer, &array);
}

static void text_pack(Packer *packer, PackerFrame *map, const char *key, const char *text) {
        if (!text)
                return;
        packer_key(packer, map, key);
        packer_text(packer, text);
}

static void output_pack(
                Packer *packer,
                PackerFrame *map,
                const ResultOutput *output,
                const char *key,
                const char *key_total) {
        if (output->size > 0) {
                packer_key(packer, map, key);
                packer_bytes(packer, output->data, output->size);
        }
        packer_uint_field(packer, map, key_total, MAX(output->total, output->size), output->size);
}

void result_pack(Packer *packer, PackerFrame *map, const Result *result) {
        packer_key(packer, map, PTEST_KEY_OUTCOME);
        packer_uint(packer, (uint64_t)result->outcome);
        packer_uint_field(packer, map, PTEST_KEY_MARKS, result->marks, 0);
        text_pack(packer, map, PTEST_KEY_REASON, result->reason);
        packer_uint_field(packer, map, PTEST_KEY_START, result->start_usec, 0);
        packer_uint_field(packer, map, PTEST_KEY_DURATION, result->duration_usec, 0);
        packer_uint_field(packer, map, PTEST_KEY_CPU_USER, result->cpu_user_usec, 0);
        packer_uint_field(packer, map, PTEST_KEY_CPU_SYSTEM, result->cpu_system_usec, 0);
        packer_uint_field(packer, map, PTEST_KEY_MEMORY, result->memory_peak, SIZE_UNKNOWN);
        packer_uint_field(packer, map, PTEST_KEY_TASKS_PEAK, result->tasks_peak, UINT64_MAX);
        packer_uint_field(packer, map, PTEST_KEY_READ, result->read_bytes, SIZE_UNKNOWN);
        packer_uint_field(packer, map, PTEST_KEY_WRITTEN, result->write_bytes, SIZE_UNKNOWN);
        packer_uint_field(
                        packer,
                        map,
                        PTEST_KEY_OOM_OWNER,
                        (uint64_t)result->oom_owner,
                        OOM_OWNER_UNKNOWN);
        packer_uint_field(packer, map, PTEST_KEY_OOM_LIMIT, result->oom_limit, SIZE_INFINITY);
        if (result->oom_victim) {
                packer_key(packer, map, PTEST_KEY_OOM_VICTIM);
                packer_text(packer, result->oom_victim);
        }
        if (result->exit_status >= 0) {
                packer_key(packer, map, PTEST_KEY_EXIT_STATUS);
                packer_uint(packer, (uint64_t)result->exit_status);
        }
        packer_uint_field(packer, map, PTEST_KEY_SIGNAL, (uint64_t)result->signal, 0);
        packer_flag_field(packer, map, PTEST_KEY_CORE, result->core_dumped);
        packer_uint_field(packer, map, PTEST_KEY_CORE_PID, (uint64_t)result->pid, 0);
        points_pack(packer, map, result->points, result->n_points);
        lines_pack(packer, map, PTEST_KEY_LEAKS, result->leaks);
        lines_pack(packer, map, PTEST_KEY_DIRTY, result->dirty);
        lines_pack(packer, map, PTEST_KEY_BACKTRACE, result->backtrace);
        lines_pack(packer, map, PTEST_KEY_STUCK, result->stuck);
        lines_pack(packer, map, PTEST_KEY_FILES, result->files);
        text_pack(packer, map, PTEST_KEY_DIRECTORY, result->directory);
        text_pack(packer, map, PTEST_KEY_ORDER, result->order);
        output_pack(packer, map, &result->out, PTEST_KEY_STDOUT, PTEST_KEY_STDOUT_TOTAL);
        output_pack(packer, map, &result->err, PTEST_KEY_STDERR, PTEST_KEY_STDERR_TOTAL);
}

/* ---- Unpacking ---- */

static void point_unpack(Reader *reader, const msgpack_object *value, ResultPoint *point) {
        msgpack_object_array array = reader_array_of(reader, value, 3, 4);
        if (reader->error < 0)
                return;

        point->outcome = (Outcome)reader_uint_of(reader, &array.ptr[0], 0, PTEST_OUTCOME_MAX - 1);
        point->number = reader_uint_of(reader, &array.ptr[1], 0, UINT64_MAX);
        point->name = reader_text_of(reader, &array.ptr[2]);
        if (array.size == 4)
                point->reason = reader_text_of(reader, &array.ptr[3]);
}

static void points_unpack(Reader *reader, Result *result) {
        msgpack_object_array array = reader_array(reader, PTEST_KEY_POINTS, RESULT_POINTS_MAX);

        if (array.size == 0)
                return;

        /* Their number is known: not one by one with result_add_point(), which would copy what is a copy */
        result->points = calloc(array.size, sizeof(ResultPoint));
        if (!result->points) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++) {
                result->n_points++;
                point_unpack(reader, &array.ptr[i], &result->points[i]);
        }
}

static char **lines_unpack(Reader *reader, const char *key) {
        msgpack_object_array array = reader_array(reader, key, PTEST_MESSAGE_VALUES_MAX);

        if (array.size == 0)
                return NULL;

        char **lines = calloc(array.size + 1, sizeof(char *));
        if (!lines) {
                reader_fail(reader, -ENOMEM);
                return NULL;
        }
        for (uint32_t i = 0; i < array.size && reader->error == 0; i++)
                lines[i] = reader_text_of(reader, &array.ptr[i]);
        return lines;
}

static void output_unpack(
                Reader *reader, const char *key, const char *key_total, ResultOutput *output) {
        size_t size;
        const void *data = reader_bytes(reader, key, &size);

        output->total = reader_uint(reader, key_total, size, UINT64_MAX, size);
        if (size == 0 || reader->error < 0)
                return;

        /* One byte more, so that text can be read as a string by those who know that it is text. */
        output->data = malloc(size + 1);
        if (!output->data) {
                reader_fail(reader, -ENOMEM);
                return;
        }
        memcpy(output->data, data, size);
        output->data[size] = 0;
        output->size = size;
}

int result_unpack(Reader *reader, Result **ret) {
        _cleanup_(result_freep) Result *result = NULL;

        int r = result_new("", &result);
        if (r < 0)
                return r;

        reader_require(reader, PTEST_KEY_OUTCOME);
        result->outcome = (Outcome)reader_uint(
                        reader, PTEST_KEY_OUTCOME, 0, PTEST_OUTCOME_MAX - 1, 0);
        result->marks = (unsigned)reader_uint(reader, PTEST_KEY_MARKS, 0, MARKS_ALL, 0);
        result->reason = reader_text(reader, PTEST_KEY_REASON);
        result->start_usec = reader_uint(reader, PTEST_KEY_START, 0, UINT64_MAX, 0);
        result->duration_usec = reader_uint(reader, PTEST_KEY_DURATION, 0, UINT64_MAX, 0);
        result->cpu_user_usec = reader_uint(reader, PTEST_KEY_CPU_USER, 0, UINT64_MAX, 0);
        result->cpu_system_usec = reader_uint(reader, PTEST_KEY_CPU_SYSTEM, 0, UINT64_MAX, 0);
        result->memory_peak = reader_uint(reader, PTEST_KEY_MEMORY, 0, UINT64_MAX, SIZE_UNKNOWN);
        result->tasks_peak = reader_uint(reader, PTEST_KEY_TASKS_PEAK, 0, UINT64_MAX, UINT64_MAX);
        result->read_bytes = reader_uint(reader, PTEST_KEY_READ, 0, UINT64_MAX, SIZE_UNKNOWN);
        result->write_bytes = reader_uint(reader, PTEST_KEY_WRITTEN, 0, UINT64_MAX, SIZE_UNKNOWN);
        result->oom_owner = (OomOwner)reader_uint(
                        reader, PTEST_KEY_OOM_OWNER, 0, OOM_OWNER_MAX - 1, OOM_OWNER_UNKNOWN);
        result->oom_limit = reader_uint(reader, PTEST_KEY_OOM_LIMIT, 0, UINT64_MAX, SIZE_INFINITY);
        result->oom_victim = reader_text(reader, PTEST_KEY_OOM_VICTIM);
        if (reader_has(reader, PTEST_KEY_EXIT_STATUS))
                result->exit_status = (int)reader_uint(
                                reader, PTEST_KEY_EXIT_STATUS, 0, EXIT_STATUS_MAX, 0);
        result->signal = (int)reader_uint(reader, PTEST_KEY_SIGNAL, 1, PTEST_SIGNAL_MAX, 0);
        result->core_dumped = reader_bool(reader, PTEST_KEY_CORE);
        result->pid = (int64_t)reader_uint(reader, PTEST_KEY_CORE_PID, 1, INT32_MAX, 0);
        points_unpack(reader, result);
        result->leaks = lines_unpack(reader, PTEST_KEY_LEAKS);
        result->dirty = lines_unpack(reader, PTEST_KEY_DIRTY);
        result->backtrace = lines_unpack(reader, PTEST_KEY_BACKTRACE);
        result->stuck = lines_unpack(reader, PTEST_KEY_STUCK);
        result->files = lines_unpack(reader, PTEST_KEY_FILES);
        result->directory = reader_text(reader, PTEST_KEY_DIRECTORY);
        result->order = reader_text(reader, PTEST_KEY_ORDER);
        output_unpack(reader, PTEST_KEY_STDOUT, PTEST_KEY_STDOUT_TOTAL, &result->out);
        output_unpack(reader, PTEST_KEY_STDERR, PTEST_KEY_STDERR_TOTAL, &result->err);
        if (reader->error < 0)
                return reader->error;

        *ret = TAKE_PTR(result);
        return 0;
}
