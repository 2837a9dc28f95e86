/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/plan.h"
#include "model/result.h"
#include "model/schedule.h"

/*
 * Retry: tests that are run once more, with nothing beside them
 *
 * A test that was killed for lack of memory of the machine, or at the limit of a slice, may only have been the largest
 * process at the moment when others had it all. Alone it has what there is: its second outcome counts, and says what
 * the first one was. A test that was over a limit of its own, or its worker's, is not run again.
 */

typedef struct RetryItem {
        uint32_t test;
        char *reason; /* of its first outcome */
} RetryItem;

typedef struct Retry {
        Suite *suite;
        Plan *plan;
        Schedule *schedule;
        RetryItem *items;
        size_t n_items;
} Retry;

void retry_done(Retry *retry);

/* True: the test, which a worker has, is to be run again, and this is not its outcome. */
bool retry_begin(Retry *retry, uint32_t test, Result *result);

/* The outcome of a test. Of one that was to be run again it says so; what kept it from that does not count. */
void retry_tell(const Retry *retry, uint32_t test, Result *result);
