/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/plan.h"
#include "model/result.h"
#include "model/schedule.h"

/*
 * Retry: tests that are run more than once, and what their one outcome is
 *
 * Victims of a lack of memory. A test that was killed for lack of memory of the machine, or at the limit of a slice, may
 * only have been the largest process at the moment when others had it all. It is run once more, with nothing beside it,
 * where it has what there is. A test that was over a limit of its own, or its worker's, is not run again for that.
 *
 * Retries. A bad outcome is not yet the test's: it is tried again, as often as its limits say, behind the tests that wait.
 * The last attempt counts; one that is not bad after bad ones is marked flaky.
 *
 * Repeats. Each test is run so many times, whatever comes of it. The first bad attempt counts, else the last one.
 *
 * Each attempt is told once: the one that counts as the test's result, the others as attempts. Only where a test was to be
 * run again and was not, its result says again what its last attempt, told before, has said.
 */

typedef struct RetryItem RetryItem;

typedef struct RetryConfig {
        unsigned repeat; /* attempts at each test, in place of its retries; 0 and 1: as it says */
        bool stop_at_failed; /* repeats of a test end with its first bad attempt */
} RetryConfig;

#define RETRY_REPEAT_MAX 10000U

typedef struct Retry {
        RetryConfig config;
        Suite *suite;
        Plan *plan;
        Schedule *schedule;
        RetryItem *items;
        /* Takes the result of an attempt that does not count. */
        void (*on_attempt)(Result *result, void *userdata);
        void *userdata;
} Retry;

void retry_done(Retry *retry);

/*
 * An attempt has ended, at a test that a worker has. True: the test is to be run again, and the result, which is not its
 * outcome, was taken.
 */
bool retry_begin(Retry *retry, uint32_t test, Result *result);

/*
 * The outcome of a test, of which it says what the attempts were if there was more than one. What kept a test from being
 * run again does not count. Takes the result, and gives the one that counts.
 */
Result *retry_settle(Retry *retry, uint32_t test, Result *result);

/* The test has its outcome, whatever its attempts were. */
void retry_forget(Retry *retry, uint32_t test);

/*
 * Attempts of a run that this one goes on with were at the test, bad ones, the last of which was this: it begins
 * with the next, which it has whatever the limit is. -ENOMEM; repeats begin anew, and nothing happens.
 */
int retry_resume(Retry *retry, uint32_t test, const Result *last);
