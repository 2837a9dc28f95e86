/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random messages for the tests of the wire
 *
 * The same messages each time: the same seed gives the same. PTEST_SEED sets it, PTEST_SEED=random takes another one
 * each time; it is printed.
 */

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "wire/message.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Random {
        uint64_t state;
} Random;

static inline Random random_new(void) {
        const char *given = getenv("PTEST_SEED");
        uint64_t seed = 1;

        if (given && strcmp(given, "random") == 0)
                seed = clock_realtime() ^ (uint64_t)getpid() << 32;
        else if (given)
                ck_assert_int_eq(parse_uint64(given, &seed), 0);
        printf("PTEST_SEED=%llu\n", (unsigned long long)seed);
        fflush(stdout);
        return (Random){ .state = seed ?: 1 };
}

/* xorshift64* */
static inline uint64_t random_next(Random *random) {
        random->state ^= random->state >> 12;
        random->state ^= random->state << 25;
        random->state ^= random->state >> 27;
        return random->state * UINT64_C(2685821657736338717);
}

static inline uint64_t random_below(Random *random, uint64_t limit) {
        return (random_next(random) >> 11) % limit;
}

/* Small, middle or any: so that every width of an integer on the wire is met. */
static inline uint64_t random_uint(Random *random, uint64_t max) {
        uint64_t value = random_next(random) >> random_below(random, 64);

        return max == UINT64_MAX ? value : value % (max + 1);
}

static inline char *random_text(Random *random, size_t max) {
        static const char *const pieces[] = { "a",   "Z",  "0", " ", "/", "::",
                                              "[x]", "\n", "ä", "✓", "😀", "\x01" };
        size_t length = random_below(random, max + 1);
        char *s = calloc(1, length + 8);

        ck_assert_ptr_nonnull(s);
        for (size_t n = 0; n < length; n = strlen(s))
                strcat(s, pieces[random_below(random, ELEMENTSOF(pieces))]);
        return s;
}

static inline char *random_chars(Random *random, size_t min, size_t max) {
        size_t length = min + random_below(random, max - min + 1);
        char *s = calloc(1, length + 1);

        ck_assert_ptr_nonnull(s);
        for (size_t i = 0; i < length; i++)
                s[i] = (char)(1 + random_below(random, 255));
        return s;
}

static inline void random_env(Random *random, Test *test) {
        for (uint64_t n = random_below(random, 4); n > 0; n--) {
                _cleanup_free_ char *value = random_chars(random, 0, 20);

                ck_assert_int_eq(
                                test_add_env(test,
                                             (EnvOpKind)random_below(random, ENV_OP_MAX),
                                             "NAME",
                                             value,
                                             ":"),
                                0);
        }
}

static inline Test *random_test(Random *random) {
        char address[64];
        Test *test;

        snprintf(address,
                 sizeof(address),
                 "dir/test-%llu::ä",
                 (unsigned long long)random_below(random, 100000));
        ck_assert_int_eq(test_new(address, &test), 0);
        for (uint64_t n = 1 + random_below(random, 5); n > 0; n--)
                ck_assert_int_eq(strv_consume(&test->argv, random_chars(random, 1, 30)), 0);
        random_env(random, test);
        if (random_below(random, 2)) {
                _cleanup_free_ char *path = random_chars(random, 1, 40);

                path[0] = '/';
                test->workdir = TAKE_PTR(path);
        }
        test->protocol = (TestProtocol)random_below(random, TEST_PROTOCOL_MAX);
        if (test->protocol == TEST_PROTOCOL_MODULE) {
                test->argv = strv_free(test->argv);
                ck_assert_int_ge(strv_extend(&test->argv, "/usr/lib/tests.so"), 0);
                ck_assert_int_ge(strv_consume(&test->argv, random_chars(random, 1, 30)), 0);
        }
        test->should_fail = random_below(random, 2);
        test->isolate = random_below(random, 2);
        test->finds = random_below(random, 2);
        test->private_places = (unsigned)random_below(random, PRIVATE_ALL + 1);
        test->keep_failed = random_below(random, 2);
        test->timeout_usec = random_below(random, 3) ? random_uint(random, UINT64_MAX) :
                                                       PTEST_WIRE_TIMEOUT;
        test->grace_usec = random_below(random, 3) ? random_uint(random, UINT64_MAX) :
                                                     PTEST_WIRE_GRACE;
        test->timeout_signal = 1 + (int)random_below(random, 64);
        test->output_max = random_below(random, 3) ? random_uint(random, UINT64_MAX) :
                                                     PTEST_OUTPUT_MAX_DEFAULT;
        if (random_below(random, 2)) {
                test->limits.memory_max = 1 + random_uint(random, UINT64_MAX - 1);
                test->limits.memory_high = 1 + random_uint(random, UINT64_MAX - 1);
                test->limits.tasks_max = 1 + random_uint(random, UINT64_MAX - 1);
                test->limits.cpu_quota_usec = 1 + random_uint(random, UINT64_MAX - 1);
                test->limits.leak_grace_usec = random_uint(random, UINT64_MAX);
                test->limits.leaks = (uint16_t)random_below(random, LEAKS_MAX);
                test->limits.stuck = (uint16_t)random_below(random, STUCK_MAX);
        }
        return test;
}

static inline void random_output(Random *random, ResultOutput *output, size_t max) {
        output->size = random_below(random, 2) ? random_below(random, max + 1) : 0;
        output->total = output->size + (random_below(random, 2) ? random_uint(random, 1 << 20) : 0);
        if (output->size == 0)
                return;
        output->data = malloc(output->size);
        ck_assert_ptr_nonnull(output->data);
        for (size_t i = 0; i < output->size; i++)
                output->data[i] = (char)random_next(random);
}

static inline Result *random_result(Random *random) {
        Result *result;

        ck_assert_int_eq(result_new("", &result), 0);
        result->outcome = (Outcome)random_below(random, PTEST_OUTCOME_MAX);
        result->marks = (unsigned)random_below(random, PTEST_MARK_END);
        if (random_below(random, 2))
                result->reason = random_text(random, 60);
        result->start_usec = random_uint(random, UINT64_MAX);
        result->duration_usec = random_uint(random, UINT64_MAX);
        result->cpu_user_usec = random_uint(random, UINT64_MAX);
        result->cpu_system_usec = random_uint(random, UINT64_MAX);
        result->memory_peak = random_below(random, 2) ? random_uint(random, UINT64_MAX) :
                                                        SIZE_UNKNOWN;
        if (random_below(random, 2)) {
                result->tasks_peak = random_uint(random, UINT64_MAX);
                result->read_bytes = random_uint(random, UINT64_MAX);
                result->write_bytes = random_uint(random, UINT64_MAX);
                result->oom_owner = (OomOwner)random_below(random, OOM_OWNER_MAX);
                result->oom_limit = random_uint(random, UINT64_MAX);
                result->oom_victim = random_text(random, 20);
        }
        result->exit_status = (int)random_below(random, 257) - 1;
        result->signal = (int)random_below(random, 65);
        result->core_dumped = random_below(random, 2);
        result->pid = (int64_t)random_below(random, INT32_MAX);
        for (uint64_t n = random_below(random, 6); n > 0; n--) {
                _cleanup_free_ char *name = random_text(random, 20),
                                    *reason = random_text(random, 20);

                ck_assert_int_eq(
                                result_add_point(
                                                result,
                                                (Outcome)random_below(random, PTEST_OUTCOME_MAX),
                                                random_uint(random, UINT64_MAX),
                                                name,
                                                random_below(random, 2) ? reason : NULL),
                                0);
        }
        for (uint64_t n = random_below(random, 3); n > 0; n--)
                ck_assert_int_eq(strv_consume(&result->leaks, random_text(random, 30)), 0);
        for (uint64_t n = random_below(random, 3); n > 0; n--) {
                ck_assert_int_eq(strv_consume(&result->dirty, random_text(random, 30)), 0);
                ck_assert_int_eq(strv_consume(&result->backtrace, random_text(random, 30)), 0);
        }
        if (random_below(random, 2)) {
                ck_assert_int_eq(strv_consume(&result->stuck, random_text(random, 30)), 0);
                ck_assert_int_eq(strv_consume(&result->files, random_text(random, 30)), 0);
                result->directory = random_text(random, 30);
                result->order = random_text(random, 30);
        }
        random_output(random, &result->out, 300);
        random_output(random, &result->err, 100);
        return result;
}

static inline void random_ids(Random *random, Message *message) {
        message->cancel.n_ids = random_below(random, 20);
        message->cancel.ids = calloc(message->cancel.n_ids + 1, sizeof(uint64_t));
        ck_assert_ptr_nonnull(message->cancel.ids);
        for (size_t i = 0; i < message->cancel.n_ids; i++)
                message->cancel.ids[i] = 1 + random_uint(random, UINT64_MAX - 1);
}

static inline char **random_exports(Random *random) {
        char **exports = NULL;

        for (uint64_t n = random_below(random, 4); n > 0; n--)
                ck_assert_int_ge(
                                strv_extendf(&exports,
                                             "NAME_%u=%u\xff =",
                                             (unsigned)n,
                                             (unsigned)random_below(random, 1000)),
                                0);
        return exports;
}

static inline void random_tasks(Random *random, Message *message) {
        message->tasks.n_items = 1 + random_below(random, 5);
        message->tasks.items = calloc(message->tasks.n_items, sizeof(Task));
        ck_assert_ptr_nonnull(message->tasks.items);
        for (size_t i = 0; i < message->tasks.n_items; i++)
                message->tasks.items[i] = (Task){
                        .id = 1 + random_uint(random, UINT64_MAX - 1),
                        .attempt = 1 + (unsigned)random_below(random, 3),
                        .test = random_test(random),
                        .exports = random_exports(random),
                };
        for (size_t i = 0; i < message->tasks.n_items; i++) {
                Task *task = &message->tasks.items[i];

                task->role = (PtestRole)random_below(random, PTEST_ROLE_MAX);
                if (task->role != PTEST_ROLE_TEST)
                        task->instance = 1 + (uint32_t)random_uint(random, UINT32_MAX - 1);
                /* Only a tear-down may have no command. */
                if (task->role == PTEST_ROLE_TEAR_DOWN && random_below(random, 2) == 0)
                        task->test->argv = strv_free(task->test->argv);
        }
}

static inline void random_found(Random *random, Message *message) {
        message->found.id = 1 + random_uint(random, UINT64_MAX - 1);
        message->found.n_items = 1 + random_below(random, 20);
        message->found.items = calloc(message->found.n_items, sizeof(char **));
        ck_assert_ptr_nonnull(message->found.items);
        for (size_t i = 0; i < message->found.n_items; i++)
                for (uint64_t n = 1 + random_below(random, 3); n > 0; n--)
                        ck_assert_int_eq(
                                        strv_consume(&message->found.items[i],
                                                     random_chars(random, 1, 20)),
                                        0);
}

static inline void random_peek_stream(Random *random, PeekStream *stream) {
        stream->from = random_uint(random, UINT64_MAX / 4);
        stream->size = (size_t)random_below(random, 2) * (size_t)random_below(random, 2000);
        stream->head = (size_t)random_below(random, stream->size + 1);
        stream->total = stream->from + stream->size + random_uint(random, UINT64_MAX / 4);
        if (stream->size > 0) {
                stream->data = malloc(stream->size);
                ck_assert_ptr_nonnull(stream->data);
                for (size_t i = 0; i < stream->size; i++)
                        stream->data[i] = (char)random_below(random, 256);
        }
}

static inline Message *random_message(Random *random, MessageKind kind) {
        Message *message = calloc(1, sizeof(Message));

        ck_assert_ptr_nonnull(message);
        message->kind = kind;
        if (kind == MESSAGE_HELLO) {
                message->hello.version = PTEST_PROTOCOL_VERSION;
                message->hello.slot = 1 + (unsigned)random_below(random, 300);
                message->hello.generation = 1 + (unsigned)random_uint(random, 100000);
                message->hello.pid = 1 + (int64_t)random_below(random, 4194304);
        } else if (kind == MESSAGE_TASKS) {
                random_tasks(random, message);
        } else if (kind == MESSAGE_FINISHED) {
                message->finished.id = 1 + random_uint(random, UINT64_MAX - 1);
                message->finished.result = random_result(random);
                message->finished.exported = random_exports(random);
                message->finished.spent = random_below(random, 2);
        } else if (kind == MESSAGE_SPILLED) {
                message->spilled.id = 1 + random_uint(random, UINT64_MAX - 1);
                message->spilled.offset = random_uint(random, INT64_MAX - PTEST_SPILL_SIZE_MAX);
                message->spilled.size = 1 + random_uint(random, PTEST_SPILL_SIZE_MAX - 1);
        } else if (kind == MESSAGE_FOUND) {
                random_found(random, message);
        } else if (kind == MESSAGE_CANCEL || kind == MESSAGE_CANCELLED) {
                random_ids(random, message);
        } else if (kind == MESSAGE_PAUSE) {
                message->pause.on = random_below(random, 2);
        } else if (kind == MESSAGE_PEEK) {
                message->peek.id = 1 + random_uint(random, UINT64_MAX - 1);
                message->peek.out.from = random_uint(random, INT64_MAX);
                message->peek.err.from = random_uint(random, INT64_MAX);
        } else if (kind == MESSAGE_PEEKED) {
                message->peek.id = 1 + random_uint(random, UINT64_MAX - 1);
                message->peek.runs = random_below(random, 2);
                random_peek_stream(random, &message->peek.out);
                random_peek_stream(random, &message->peek.err);
        } else if (kind == MESSAGE_STOP) {
                message->stop.now = random_below(random, 2);
        }
        return message;
}

/* From a copy that is exactly as large as it says, so that a sanitizer sees a byte too much being read. */
static inline int unpack_exactly(const void *data, size_t size, size_t max, Message **ret) {
        _cleanup_free_ void *copy = malloc(size);

        ck_assert(copy || size == 0);
        if (size > 0)
                memcpy(copy, data, size);
        return message_unpack(copy, size, max, ret);
}
