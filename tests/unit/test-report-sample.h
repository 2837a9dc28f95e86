/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/reporter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/file.h"
#include "test-record-sample.h"

/*
 * Events by hand, for tests of reporters; and a report's file, in a directory that each test has to itself
 */

static char report_directory[] = "/tmp/ptest-unit-XXXXXX";
static char report_path[64];

static inline void report_set_up(void) {
        ck_assert_ptr_nonnull(mkdtemp(report_directory));
        snprintf(report_path, sizeof(report_path), "%s/report", report_directory);
}

static inline void report_tear_down(void) {
        ck_assert_int_eq(dir_remove(report_directory), 0);
}

static inline char *report_read_bytes(size_t *ret_size) {
        char *data;

        ck_assert_int_eq(file_read(report_path, 100000000, &data, ret_size), 0);
        return data;
}

/* Of a report that is text */
static inline char *report_read(void) {
        size_t size;
        char *data = report_read_bytes(&size);

        ck_assert_uint_eq(strlen(data), size);
        return data;
}

static inline void assert_report(const char *expected) {
        char *data = report_read();

        ck_assert_str_eq(data, expected);
        free(data);
}

/* Gives the event away. */
static inline void emit(Reporter *reporter, Event *event) {
        ck_assert_int_eq(reporter_on_event(reporter, event), 0);
        event_free(event);
}

static inline Event *started(size_t planned) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_RUN_STARTED, SD_ID128_NULL, "suite", &event), 0);
        event->run_started.planned = planned;
        return event;
}

static inline Event *finished(Verdict verdict) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_RUN_FINISHED, SD_ID128_NULL, "suite", &event), 0);
        event->run_finished.verdict = verdict;
        return event;
}

static inline Event *tested_as(
                EventKind kind, const char *address, Outcome outcome, const char *reason) {
        Event *event;

        ck_assert_int_eq(event_new(kind, SD_ID128_NULL, "suite", &event), 0);
        ck_assert_int_eq(result_new(address, &event->result), 0);
        event->result->outcome = outcome;
        if (reason)
                ck_assert_int_eq(result_set_reason(event->result, "%s", reason), 0);
        return event;
}

static inline Event *tested(const char *address, Outcome outcome, const char *reason) {
        return tested_as(EVENT_TEST_FINISHED, address, outcome, reason);
}

/* An attempt of several, which is not the outcome */
static inline Event *tried(
                const char *address, unsigned attempt, Outcome outcome, const char *reason) {
        Event *event = tested_as(EVENT_ATTEMPT_FINISHED, address, outcome, reason);

        event->result->attempt = attempt;
        event->result->attempts = 5;
        return event;
}

static inline Event *set_up_failed(const char *context, const char *reason) {
        Event *event = tested_as(EVENT_FIXTURE_FAILED, context, PTEST_OUTCOME_FAIL, reason);

        event->fixture.context = strdup(context);
        ck_assert_ptr_nonnull(event->fixture.context);
        return event;
}

static inline void output_set(ResultOutput *output, const char *data, size_t size) {
        output->data = malloc(size + 1);
        ck_assert_ptr_nonnull(output->data);
        memcpy(output->data, data, size);
        output->data[size] = '\0';
        output->size = output->total = size;
}

/* A run of random events, whose text is as bad as it can be */
static inline void emit_hostile_run(Reporter *reporter, unsigned seed, unsigned n_tests) {
        Event *event;

        sample_seed(seed);
        emit(reporter, sample_event_of_run(EVENT_RUN_STARTED, SD_ID128_NULL));
        for (unsigned i = 0; i < n_tests; i++) {
                if (i % 10 == 0)
                        emit(reporter, sample_event_of_run(EVENT_ATTEMPT_FINISHED, SD_ID128_NULL));
                if (i % 20 == 0)
                        emit(reporter, sample_event_of_run(EVENT_WORKER_STUCK, SD_ID128_NULL));
                emit(reporter, sample_event_of_run(EVENT_TEST_FINISHED, SD_ID128_NULL));
        }
        event = sample_event_of_run(EVENT_RUN_FINISHED, SD_ID128_NULL);
        event->run_finished.verdict = VERDICT_FAILED;
        emit(reporter, event);
}
