/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * subunit v2: packets of a test's state and of what belongs to it
 *
 * Of each test: "in progress" at its start, its files (reason, details, stdout, stderr) as they are, in parts that fit a
 * packet, and its status at its end. Earlier attempts are files of the test that was tried, so that a test is counted
 * once. The words of subunit are fewer than ours:
 *
 *      pass                            success
 *      skip, not-run                   skip
 *      xfail                           expected failure
 *      xpass                           unexpected success
 *      fail, and the other bad ones    fail
 *
 * The outcome itself, unless it is one of subunit's, the marks and the worker are tags. A run whose verdict is bad for another
 * reason than a test gets a test more, "(run)", that failed: a report never looks better than the run was.
 */

#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/fd.h"
#include "basic/text.h"
#include "record/buffer.h"
#include "report/counts.h"
#include "report/name-set.h"
#include "report/result-text.h"

#define SUBUNIT_SIGNATURE 0xb3U

typedef enum SubunitFlags {
        SUBUNIT_VERSION = 0x2000,
        SUBUNIT_TEST_ID = 0x0800,
        SUBUNIT_TIMESTAMP = 0x0200,
        SUBUNIT_RUNNABLE = 0x0100,
        SUBUNIT_TAGS = 0x0080,
        SUBUNIT_FILE = 0x0040,
        SUBUNIT_MIME = 0x0020,
        SUBUNIT_EOF = 0x0010,
} SubunitFlags;

typedef enum SubunitStatus {
        SUBUNIT_NO_STATUS = 0,
        SUBUNIT_IN_PROGRESS = 2,
        SUBUNIT_SUCCESS = 3,
        SUBUNIT_UNEXPECTED_SUCCESS = 4,
        SUBUNIT_SKIP = 5,
        SUBUNIT_FAIL = 6,
        SUBUNIT_EXPECTED_FAILURE = 7,
} SubunitStatus;

/* A packet is below 4 MiB; readers take each as a whole into memory. */
#define SUBUNIT_PART_MAX    (256U * 1024U)
#define SUBUNIT_DETAILS_MAX 1000U
#define SUBUNIT_TAGS_MAX    8U

typedef struct Subunit {
        Reporter reporter;
        int fd;
        NameSet names; /* of fixtures, which can fail in several workers */
        bool failed;   /* some test did; readers let an unexpected success pass */
        Buffer body;   /* of the packet at hand, without its head */
        Buffer out;    /* packets of the event at hand */
} Subunit;

typedef struct SubunitPacket {
        unsigned flags; /* and a status */
        uint64_t time_usec;
        const char *id;
        const char *const *tags;
        size_t n_tags;
        const char *mime;
        const char *file;
        const char *data;
        size_t size;
} SubunitPacket;

/* ---- Packets ---- */

/* Four bits for each step; the polynomial of zlib and Ethernet. */
static uint32_t crc32(const char *data, size_t size) {
        static const uint32_t steps[16] = {
                0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
        };
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < size; i++) {
                crc ^= (unsigned char)data[i];
                crc = crc >> 4 ^ steps[crc & 15];
                crc = crc >> 4 ^ steps[crc & 15];
        }
        return ~crc;
}

static void add_big_endian(Buffer *buffer, uint32_t n, unsigned bytes) {
        while (bytes-- > 0)
                buffer_add(buffer, &(unsigned char){ (unsigned char)(n >> 8 * bytes) }, 1);
}

/* The first two bits say how many bytes there are more. */
static unsigned number_measure(uint32_t n) {
        return n < 1U << 6 ? 1 : n < 1U << 14 ? 2 : n < 1U << 22 ? 3 : 4;
}

static void add_number(Buffer *buffer, uint32_t n) {
        unsigned bytes = number_measure(n);

        add_big_endian(buffer, n | (bytes - 1) << (8 * bytes - 2), bytes);
}

static void add_bytes(Buffer *buffer, const char *data, size_t size) {
        add_number(buffer, (uint32_t)size);
        buffer_add(buffer, data, size);
}

static void subunit_fill_body(Buffer *body, const SubunitPacket *packet) {
        if (packet->flags & SUBUNIT_TIMESTAMP) {
                add_big_endian(body, (uint32_t)(packet->time_usec / USEC_PER_SEC), 4);
                add_number(body, (uint32_t)(packet->time_usec % USEC_PER_SEC * 1000));
        }
        add_bytes(body, packet->id, strlen(packet->id));
        if (packet->flags & SUBUNIT_TAGS) {
                add_number(body, (uint32_t)packet->n_tags);
                for (size_t i = 0; i < packet->n_tags; i++)
                        add_bytes(body, packet->tags[i], strlen(packet->tags[i]));
        }
        if (packet->flags & SUBUNIT_FILE) {
                add_bytes(body, packet->mime, strlen(packet->mime));
                add_bytes(body, packet->file, strlen(packet->file));
                add_bytes(body, packet->data, packet->size);
        }
}

static void subunit_add_packet(Subunit *subunit, const SubunitPacket *packet) {
        Buffer *out = &subunit->out, *body = &subunit->body;
        size_t begin = out->size;
        uint32_t size;

        buffer_reset(body, SUBUNIT_PART_MAX);
        subunit_fill_body(body, packet);
        /* Signature, flags and sum; and the length itself, which may grow by what it takes. */
        size = (uint32_t)(1 + 2 + body->size + 4);
        size += number_measure(size + number_measure(size));

        add_big_endian(out, SUBUNIT_SIGNATURE, 1);
        add_big_endian(out, SUBUNIT_VERSION | SUBUNIT_TEST_ID | packet->flags, 2);
        add_number(out, size);
        buffer_add(out, body->data, body->size);
        if (buffer_error(body) < 0)
                out->error = buffer_error(body);
        if (buffer_error(out) >= 0)
                add_big_endian(out, crc32(out->data + begin, out->size - begin), 4);
}

static int subunit_write(Subunit *subunit) {
        int r = buffer_error(&subunit->out);

        if (r >= 0 && subunit->out.size > 0)
                r = fd_write_all(subunit->fd, subunit->out.data, subunit->out.size);
        buffer_reset(&subunit->out, 1 * MIB);
        return r;
}

/* In parts, each written at once: a test may have written much. */
static int subunit_add_file(
                Subunit *subunit,
                const char *id,
                unsigned attempt,
                const char *name,
                const char *data,
                size_t size) {
        bool text = text_is_utf8(data, size);
        _cleanup_free_ char *file = NULL;
        int r;

        r = attempt > 0 ? text_setf(&file, "attempt %u: %s", attempt, name) :
                          text_setf(&file, "%s", name);
        while (r >= 0 && size > 0) {
                size_t n = MIN(size, (size_t)SUBUNIT_PART_MAX);

                subunit_add_packet(
                                subunit,
                                &(SubunitPacket){
                                                .flags = SUBUNIT_FILE | SUBUNIT_MIME |
                                                                (n == size ? SUBUNIT_EOF : 0),
                                                .id = id,
                                                .mime = text ? "text/plain; charset=\"utf8\"" :
                                                               "application/octet-stream",
                                                .file = file,
                                                .data = data,
                                                .size = n,
                                });
                r = subunit_write(subunit);
                data += n;
                size -= n;
        }
        return r;
}

/* ---- Results ---- */

static SubunitStatus outcome_to_status(Outcome outcome) {
        switch (outcome) {
        case PTEST_OUTCOME_PASS:
                return SUBUNIT_SUCCESS;
        case PTEST_OUTCOME_SKIP:
        case PTEST_OUTCOME_NOT_RUN:
                return SUBUNIT_SKIP;
        case PTEST_OUTCOME_XFAIL:
                return SUBUNIT_EXPECTED_FAILURE;
        case PTEST_OUTCOME_XPASS:
                return SUBUNIT_UNEXPECTED_SUCCESS;
        default:
                return SUBUNIT_FAIL;
        }
}

static bool outcome_has_status(Outcome outcome) {
        return outcome == PTEST_OUTCOME_PASS || outcome == PTEST_OUTCOME_FAIL ||
                        outcome == PTEST_OUTCOME_SKIP || outcome == PTEST_OUTCOME_XFAIL ||
                        outcome == PTEST_OUTCOME_XPASS;
}

static int subunit_add_details(
                Subunit *subunit, const char *id, unsigned attempt, const Result *result) {
        _cleanup_buffer_ Buffer text = {};

        for (size_t i = 0; i < result->n_points; i++)
                if (outcome_is_bad(result->points[i].outcome)) {
                        buffer_addf(&text, "%s: ", outcome_to_string(result->points[i].outcome));
                        result_text_add_safe(&text, result->points[i].name);
                        buffer_add(&text, "\n", 1);
                }
        result_text_add_texts(
                        &text,
                        "",
                        "left changed in its process",
                        result->dirty,
                        SUBUNIT_DETAILS_MAX);
        /* Without the output, which is a file each. */
        result_text_add_details(&text, "", result, SUBUNIT_DETAILS_MAX, 0);
        return buffer_error(&text) < 0 ?
                        buffer_error(&text) :
                        subunit_add_file(subunit, id, attempt, "details", text.data, text.size);
}

/* attempt 0: they are the test's own */
static int subunit_add_files(
                Subunit *subunit, const char *id, unsigned attempt, const Result *result) {
        _cleanup_buffer_ Buffer reason = {};
        int r;

        buffer_add_string(&reason, outcome_to_string(result->outcome));
        if (result->reason)
                buffer_addf(&reason, ": %s", result->reason);
        if (buffer_error(&reason) < 0)
                return buffer_error(&reason);
        if (result->reason && result->outcome == PTEST_OUTCOME_SKIP)
                r = subunit_add_file(
                                subunit,
                                id,
                                attempt,
                                "reason",
                                result->reason,
                                strlen(result->reason));
        else
                r = subunit_add_file(subunit, id, attempt, "reason", reason.data, reason.size);
        if (r >= 0)
                r = subunit_add_details(subunit, id, attempt, result);
        if (r >= 0)
                r = subunit_add_file(
                                subunit, id, attempt, "stdout", result->out.data, result->out.size);
        if (r >= 0)
                r = subunit_add_file(
                                subunit, id, attempt, "stderr", result->err.data, result->err.size);
        return r;
}

static void subunit_add_status(
                Subunit *subunit, const char *id, const Result *result, uint64_t time_usec) {
        const char *tags[SUBUNIT_TAGS_MAX];
        _cleanup_free_ char *worker = NULL;
        size_t n = 0;

        if (!outcome_has_status(result->outcome))
                tags[n++] = outcome_to_string(result->outcome);
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END && n < SUBUNIT_TAGS_MAX - 1;
             bit <<= 1)
                if (result->marks & bit)
                        tags[n++] = mark_to_string((PtestMark)bit);
        if (result->slot > 0) {
                if (text_setf(&worker, "worker-%u", result->slot) < 0)
                        subunit->out.error = -ENOMEM;
                else
                        tags[n++] = worker;
        }
        subunit_add_packet(
                        subunit,
                        &(SubunitPacket){
                                        .flags = SUBUNIT_TIMESTAMP | SUBUNIT_RUNNABLE |
                                                        (n > 0 ? SUBUNIT_TAGS : 0) |
                                                        outcome_to_status(result->outcome),
                                        .time_usec = time_usec,
                                        .id = id,
                                        .tags = tags,
                                        .n_tags = n,
                        });
}

static void subunit_add_start(Subunit *subunit, const char *id, uint64_t time_usec) {
        subunit_add_packet(
                        subunit,
                        &(SubunitPacket){
                                        .flags = SUBUNIT_TIMESTAMP | SUBUNIT_RUNNABLE |
                                                        SUBUNIT_IN_PROGRESS,
                                        .time_usec = time_usec,
                                        .id = id,
                        });
}

/* What never started begins and ends when that is known. */
static int subunit_add_result(Subunit *subunit, const char *id, const Event *event) {
        const Result *result = event->result;
        bool last = event->kind != EVENT_ATTEMPT_FINISHED;
        uint64_t start = result->start_usec > 0 ? result->start_usec : event->time_usec;
        bool wordy = result->outcome != PTEST_OUTCOME_PASS || result->reason;
        int r = 0;

        subunit_add_start(subunit, id, start);
        if (wordy || result->out.size > 0 || result->err.size > 0 || result->dirty)
                r = subunit_add_files(subunit, id, last ? 0 : result->attempt, result);
        if (r < 0 || !last)
                return r;
        subunit->failed = subunit->failed || outcome_to_status(result->outcome) == SUBUNIT_FAIL;
        subunit_add_status(subunit, id, result, usec_add(start, result->duration_usec));
        return 0;
}

static int subunit_add_fixture(Subunit *subunit, const Event *event) {
        _cleanup_free_ char *id = NULL;
        int r = name_set_add(&subunit->names, event->result->address, " #", &id);

        return r < 0 ? r : subunit_add_result(subunit, id, event);
}

/* The run as a test, where its verdict does not follow from the others. */
static int subunit_add_verdict(Subunit *subunit, const Event *event) {
        _cleanup_(result_freep) Result *result = NULL;
        Event run = { .kind = EVENT_TEST_FINISHED, .time_usec = event->time_usec };
        int r;

        r = verdict_to_result(event, subunit->failed, &result);
        if (r <= 0)
                return r;
        run.result = result;
        return subunit_add_result(subunit, result->address, &run);
}

static int subunit_on_event(Reporter *reporter, const Event *event) {
        Subunit *subunit = (Subunit *)reporter;
        int r;

        switch (event->kind) {
        case EVENT_TEST_FINISHED:
        case EVENT_ATTEMPT_FINISHED:
                r = subunit_add_result(subunit, event->result->address, event);
                break;
        case EVENT_FIXTURE_FAILED:
                r = subunit_add_fixture(subunit, event);
                break;
        case EVENT_RUN_FINISHED:
                r = subunit_add_verdict(subunit, event);
                break;
        default:
                return 0;
        }
        return r < 0 ? r : subunit_write(subunit);
}

static void subunit_free(Reporter *reporter) {
        Subunit *subunit = (Subunit *)reporter;

        fd_close(subunit->fd);
        name_set_done(&subunit->names);
        buffer_done(&subunit->body);
        buffer_done(&subunit->out);
        free(subunit);
}

int subunit_new(const char *path, Reporter **ret) {
        static const ReporterVTable vtable = { .on_event = subunit_on_event, .free = subunit_free };
        _cleanup_(reporter_freep) Reporter *reporter = NULL;
        Subunit *subunit;

        assert(path);
        assert(ret);

        subunit = calloc(1, sizeof(Subunit));
        if (!subunit)
                return -ENOMEM;
        reporter = &subunit->reporter;
        reporter->vtable = &vtable;
        subunit->fd = reporter_open_output(path);
        if (subunit->fd < 0)
                return subunit->fd;
        *ret = TAKE_PTR(reporter);
        return 0;
}
