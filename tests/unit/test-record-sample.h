/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Events with arbitrary content, for the tests of records and reports; the same for the same seed */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/strv.h"
#include "record/event.h"

static uint64_t sample_state;

static inline uint64_t sample_random(void) {
        /* xorshift64 */
        sample_state ^= sample_state << 13;
        sample_state ^= sample_state >> 7;
        sample_state ^= sample_state << 17;
        return sample_state;
}

static inline void sample_seed(uint64_t seed) {
        sample_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* What breaks formats, and some ordinary text */
static inline char *sample_string(void) {
        static const char *const parts[] = {
                "",          "a",        "name",         "\n",        "\\",   "\\n",
                " # ",       "#",        "# SKIP x",     "\t",        "\r",   "\x1b[31m",
                "\xff",      "\xc3\xbc", "\xe6\x97\xa5", "<&>\"']]>", "=",    "\xef\xbf\xbf",
                "\x01",      "\x7f",     "\xc2\x9b",     " ",         "1..3", "\nnot ok 1\n",
                "Bail out!",
        };
        char *s = calloc(1, 256);

        ck_assert_ptr_nonnull(s);
        for (uint64_t n = sample_random() % 8; n > 0; n--)
                strcat(s, parts[sample_random() % ELEMENTSOF(parts)]);
        return s;
}

static inline char *sample_string_or_null(void) {
        return sample_random() % 3 == 0 ? NULL : sample_string();
}

static inline uint64_t sample_number(void) {
        switch (sample_random() % 4) {
        case 0:
                return 0;
        case 1:
                return sample_random() % 100;
        default:
                return sample_random() >> (sample_random() % 63 + 1);
        }
}

static inline void sample_output(ResultOutput *output) {
        size_t size = sample_random() % 3 == 0 ? 0 : sample_random() % 6000;

        if (size > 0) {
                output->data = malloc(size + 1);
                ck_assert_ptr_nonnull(output->data);
                for (size_t i = 0; i < size; i++)
                        output->data[i] = (char)(sample_random() % 4 == 0 ? sample_random() : 'a');
                output->data[size] = '\0';
        }
        output->size = size;
        output->total = size + (sample_random() % 2 == 0 ? 0 : sample_number() % 100000);
}

static inline Result *sample_result(void) {
        static const int signals[] = { 0, 6, 9, 11, 15 };
        Result *result;
        char address[64];

        snprintf(address,
                 sizeof(address),
                 "dir/t%u::c[%u]",
                 (unsigned)(sample_random() % 1000),
                 (unsigned)(sample_random() % 1000));
        ck_assert_int_eq(result_new(address, &result), 0);
        result->outcome = (Outcome)(sample_random() % PTEST_OUTCOME_MAX);
        result->marks = (unsigned)sample_random() & (PTEST_MARK_END - 1);
        result->reason = sample_string_or_null();
        result->attempt = 1 + (unsigned)sample_random() % 3;
        result->attempts = sample_random() % 2 ? 0 : 2 + (unsigned)sample_random() % 3;
        result->slot = (unsigned)sample_random() % 3;
        result->generation = (unsigned)sample_number();
        result->start_usec = sample_number();
        result->duration_usec = sample_number();
        result->cpu_user_usec = sample_number();
        result->cpu_system_usec = sample_number();
        result->memory_peak = sample_random() % 2 == 0 ? SIZE_UNKNOWN : sample_number();
        if (sample_random() % 2) {
                result->tasks_peak = sample_number();
                result->read_bytes = sample_number();
                result->write_bytes = sample_number();
                result->oom_owner = (OomOwner)(sample_random() % OOM_OWNER_MAX);
                result->oom_limit = sample_number();
                result->oom_victim = sample_string_or_null();
        }
        result->exit_status = (int)(sample_random() % 257) - 1;
        result->signal = signals[sample_random() % ELEMENTSOF(signals)];
        result->core_dumped = sample_random() % 2;
        for (uint64_t n = sample_random() % 5; n > 0; n--) {
                char *name = sample_string(), *reason = sample_string_or_null();

                ck_assert_int_eq(
                                result_add_point(
                                                result,
                                                (Outcome)(sample_random() % PTEST_OUTCOME_MAX),
                                                sample_number(),
                                                name,
                                                reason),
                                0);
                free(name);
                free(reason);
        }
        for (uint64_t n = sample_random() % 3; n > 0; n--) {
                char *command = sample_string();

                ck_assert_int_ge(strv_extendf(&result->leaks, "12 %s", command), 0);
                free(command);
        }
        for (uint64_t n = sample_random() % 3; n > 0; n--) {
                char *what = sample_string();

                ck_assert_int_ge(strv_extendf(&result->dirty, "x%s", what), 0);
                ck_assert_int_ge(strv_extendf(&result->backtrace, "%s#0", what), 0);
                ck_assert_int_ge(strv_extendf(&result->stuck, "%s 1", what), 0);
                ck_assert_int_ge(strv_extendf(&result->files, "/%s", what), 0);
                free(what);
        }
        if (sample_random() % 2) {
                result->directory = sample_string();
                result->order = sample_string();
        }
        sample_output(&result->out);
        sample_output(&result->err);
        return result;
}

static inline sd_id128_t sample_run_id(void) {
        sd_id128_t id;

        for (size_t i = 0; i < sizeof(id.bytes); i++)
                id.bytes[i] = (uint8_t)sample_random();
        return id;
}

static inline Event *sample_event_of_run(EventKind kind, sd_id128_t run_id) {
        Event *event;

        ck_assert_int_eq(event_new(kind, run_id, "sample", &event), 0);
        event->time_usec = UINT64_C(1795308767837061) + sample_random() % 1000000;
        if ((kind == EVENT_RUN_STARTED || kind == EVENT_RUN_FINISHED) && sample_random() % 2)
                for (size_t i = 0; i < 3; i++)
                        ck_assert_int_ge(
                                        strv_extendf(&event->pressure,
                                                     "cpu some avg10=0.%u",
                                                     (unsigned)sample_random() % 100),
                                        0);
        if (kind == EVENT_RUN_STARTED) {
                event->run_started.description = sample_string_or_null();
                event->run_started.version = sample_string();
                event->run_started.planned = (size_t)sample_number();
                event->run_started.grows = sample_random() % 2;
                event->run_started.workers = (unsigned)sample_number();
                event->run_started.backend = sample_string();
                event->run_started.hostname = sample_string();
                event->run_started.command = sample_string();
                event->run_started.run_file = sample_string_or_null();
                event->run_started.degraded = sample_string_or_null();
                event->run_started.working_directory = sample_string_or_null();
                event->run_started.seed = sample_string_or_null();
                event->run_started.shard = sample_string_or_null();
                for (uint64_t n = sample_random() % 4; n > 0; n--)
                        ck_assert_int_ge(
                                        strv_extendf(&event->run_started.patterns,
                                                     "!p%u\n",
                                                     (unsigned)n),
                                        0);
                if (sample_random() % 2)
                        event->run_started.resumes = sample_run_id();
                if (sample_random() % 2)
                        event->run_started.rerun_of = sample_run_id();
                for (uint64_t n = sample_random() % 4; n > 0; n--)
                        ck_assert_int_ge(
                                        strv_extendf(&event->run_started.capabilities,
                                                     "c%u=yes",
                                                     (unsigned)n),
                                        0);
        } else if (kind == EVENT_RUN_FINISHED) {
                Tally *tally = &event->run_finished.tally;

                tally->planned = (size_t)sample_number();
                for (Outcome outcome = 0; outcome < PTEST_OUTCOME_MAX; outcome++)
                        tally->count[outcome] = (size_t)sample_number();
                tally->marked_flaky = (size_t)sample_number();
                tally->marked_leaky = (size_t)sample_number();
                tally->marked_slow = (size_t)sample_number();
                tally->marked_dirty = (size_t)sample_number();
                event->run_finished.verdict = (Verdict)(sample_random() % VERDICT_MAX);
                event->run_finished.reason = sample_string_or_null();
                event->run_finished.duration_usec = sample_number();
                event->run_finished.journal_lost = (size_t)sample_number();
        } else if (kind == EVENT_TEST_FINISHED || kind == EVENT_ATTEMPT_FINISHED) {
                event->result = sample_result();
                if (sample_random() % 2)
                        event->carried_from = sample_run_id();
        } else if (kind == EVENT_FIXTURE_FAILED) {
                event->result = sample_result();
                event->fixture.tear_down = sample_random() % 2;
                event->fixture.context = strdup("database");
                free(event->result->address);
                event->result->address = strdup(
                                event->fixture.tear_down ? "database (tear-down)" :
                                                           "database (set-up)");
        } else if (kind == EVENT_TESTS_FOUND) {
                event->tests_found.test = strdup("dir/finder");
                event->tests_found.found = (size_t)sample_number();
                event->tests_found.duplicates = (size_t)sample_number();
                event->tests_found.planned = (size_t)sample_number();
        } else if (kind == EVENT_RUN_PAUSED || kind == EVENT_RUN_CONTINUED) {
                event->pause.running = (size_t)sample_number();
                event->pause.away_usec = sample_number();
        } else {
                event->worker.slot = (unsigned)sample_number();
                event->worker.generation = (unsigned)sample_number();
                event->worker.pid = (pid_t)(sample_number() & 0x3fffffff);
                event->worker.unit = sample_string_or_null();
                event->worker.why = sample_string_or_null();
                event->worker.test = sample_string_or_null();
        }
        return event;
}

static inline Event *sample_event(void) {
        return sample_event_of_run((EventKind)(sample_random() % EVENT_KIND_MAX), sample_run_id());
}

static inline void assert_string(const char *a, const char *b) {
        if (a && b)
                ck_assert_str_eq(a, b);
        else
                ck_assert(a == b);
}

static inline void assert_strv(char *const *a, char *const *b) {
        ck_assert_uint_eq(strv_length(a), strv_length(b));
        for (size_t i = 0; a && a[i]; i++)
                ck_assert_str_eq(a[i], b[i]);
}

static inline void assert_output(const ResultOutput *a, const ResultOutput *b) {
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_uint_eq(a->total, b->total);
        if (a->size > 0)
                ck_assert_mem_eq(a->data, b->data, a->size);
}

static inline void assert_result(const Result *a, const Result *b) {
        ck_assert_str_eq(a->address, b->address);
        ck_assert_int_eq(a->outcome, b->outcome);
        ck_assert_uint_eq(a->marks, b->marks);
        assert_string(a->reason, b->reason);
        ck_assert_uint_eq(a->attempt, b->attempt);
        ck_assert_uint_eq(a->attempts, b->attempts);
        ck_assert_uint_eq(a->slot, b->slot);
        ck_assert_uint_eq(a->generation, b->generation);
        ck_assert_uint_eq(a->start_usec, b->start_usec);
        ck_assert_uint_eq(a->duration_usec, b->duration_usec);
        ck_assert_uint_eq(a->cpu_user_usec, b->cpu_user_usec);
        ck_assert_uint_eq(a->cpu_system_usec, b->cpu_system_usec);
        ck_assert_uint_eq(a->memory_peak, b->memory_peak);
        ck_assert_uint_eq(a->tasks_peak, b->tasks_peak);
        ck_assert_uint_eq(a->read_bytes, b->read_bytes);
        ck_assert_uint_eq(a->write_bytes, b->write_bytes);
        ck_assert_int_eq(a->oom_owner, b->oom_owner);
        ck_assert_uint_eq(a->oom_limit, b->oom_limit);
        assert_string(a->oom_victim, b->oom_victim);
        ck_assert_int_eq(a->exit_status, b->exit_status);
        ck_assert_int_eq(a->signal, b->signal);
        ck_assert_int_eq(a->core_dumped, b->core_dumped);
        ck_assert_uint_eq(a->n_points, b->n_points);
        for (size_t i = 0; i < a->n_points; i++) {
                ck_assert_int_eq(a->points[i].outcome, b->points[i].outcome);
                ck_assert_uint_eq(a->points[i].number, b->points[i].number);
                assert_string(a->points[i].name, b->points[i].name);
                assert_string(a->points[i].reason, b->points[i].reason);
        }
        assert_strv(a->leaks, b->leaks);
        assert_strv(a->dirty, b->dirty);
        assert_strv(a->backtrace, b->backtrace);
        assert_strv(a->stuck, b->stuck);
        assert_strv(a->files, b->files);
        assert_string(a->directory, b->directory);
        assert_string(a->order, b->order);
        assert_output(&a->out, &b->out);
        assert_output(&a->err, &b->err);
}

static inline void assert_event(const Event *a, const Event *b) {
        ck_assert_int_eq(a->kind, b->kind);
        ck_assert(sd_id128_equal(a->run_id, b->run_id));
        ck_assert_str_eq(a->suite, b->suite);
        ck_assert_uint_eq(a->time_usec, b->time_usec);
        assert_string(a->run_started.description, b->run_started.description);
        assert_string(a->run_started.version, b->run_started.version);
        ck_assert_uint_eq(a->run_started.planned, b->run_started.planned);
        ck_assert(a->run_started.grows == b->run_started.grows);
        ck_assert_uint_eq(a->run_started.workers, b->run_started.workers);
        assert_string(a->run_started.backend, b->run_started.backend);
        assert_strv(a->run_started.capabilities, b->run_started.capabilities);
        assert_strv(a->pressure, b->pressure);
        assert_string(a->run_started.hostname, b->run_started.hostname);
        assert_string(a->run_started.command, b->run_started.command);
        assert_string(a->run_started.run_file, b->run_started.run_file);
        assert_string(a->run_started.degraded, b->run_started.degraded);
        ck_assert_mem_eq(&a->run_finished.tally, &b->run_finished.tally, sizeof(Tally));
        ck_assert_int_eq(a->run_finished.verdict, b->run_finished.verdict);
        assert_string(a->run_finished.reason, b->run_finished.reason);
        ck_assert_uint_eq(a->run_finished.duration_usec, b->run_finished.duration_usec);
        ck_assert_uint_eq(a->run_finished.journal_lost, b->run_finished.journal_lost);
        assert_string(a->run_started.working_directory, b->run_started.working_directory);
        assert_string(a->run_started.seed, b->run_started.seed);
        assert_string(a->run_started.shard, b->run_started.shard);
        ck_assert(strv_equal(a->run_started.patterns, b->run_started.patterns));
        ck_assert(sd_id128_equal(a->run_started.resumes, b->run_started.resumes));
        ck_assert(sd_id128_equal(a->run_started.rerun_of, b->run_started.rerun_of));
        ck_assert(sd_id128_equal(a->carried_from, b->carried_from));
        ck_assert(!a->result == !b->result);
        if (a->result)
                assert_result(a->result, b->result);
        assert_string(a->tests_found.test, b->tests_found.test);
        ck_assert_uint_eq(a->tests_found.found, b->tests_found.found);
        ck_assert_uint_eq(a->tests_found.duplicates, b->tests_found.duplicates);
        ck_assert_uint_eq(a->tests_found.planned, b->tests_found.planned);
        ck_assert_uint_eq(a->pause.running, b->pause.running);
        ck_assert_uint_eq(a->pause.away_usec, b->pause.away_usec);
        ck_assert_uint_eq(a->worker.slot, b->worker.slot);
        ck_assert_uint_eq(a->worker.generation, b->worker.generation);
        ck_assert_int_eq(a->worker.pid, b->worker.pid);
        assert_string(a->worker.unit, b->worker.unit);
        assert_string(a->worker.why, b->worker.why);
        assert_string(a->worker.test, b->worker.test);
}
