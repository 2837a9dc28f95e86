/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * How many tasks a worker should hold
 *
 * A task that waits at a worker hides the way between worker and coordinator; one that waits behind a long
 * test is a test that no other worker can run. So short tests are sent many at a time, long ones singly.
 * Pure: fed with the durations of tests as they end.
 */

typedef struct Batch {
        uint64_t mean_usec; /* exponentially weighted: the last few tests say what the next ones are like */
        bool is_fed;
} Batch;

/* Work that a worker has in stock: many times what a message takes, on a busy machine too. */
#define BATCH_STOCK_USEC (20 * USEC_PER_MSEC)
/* From here on the way of a message is nothing against the test: a worker holds only what it runs. */
#define BATCH_LONG_USEC  (100 * USEC_PER_MSEC)

/* Nothing is known before the first duration: tests count as long. */
void batch_init(Batch *batch);
void batch_add(Batch *batch, uint64_t duration_usec);

/*
 * How many tasks a worker should hold, the running one included: 1 to max. n_remaining are the tests that
 * are not yet sent to any worker; of them one batch takes at most a fair share, so that the end of a run
 * stays balanced. n_slots and max are at least 1.
 */
unsigned batch_get_target(const Batch *batch, unsigned n_slots, size_t n_remaining, unsigned max);
