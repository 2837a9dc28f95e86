/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/batch.h"

#include <assert.h>

/* A new duration counts for an eighth: one odd test among short ones changes little, ten change all. */
#define WEIGHT 8U

void batch_init(Batch *batch) {
        *batch = (Batch){};
}

void batch_add(Batch *batch, uint64_t duration_usec) {
        /* Above this nothing depends on it, and one test of an hour is forgotten sooner. */
        const uint64_t duration = MIN(duration_usec, 10 * BATCH_LONG_USEC);

        if (!batch->is_fed)
                batch->mean_usec = duration;
        else if (duration >= batch->mean_usec)
                batch->mean_usec += (duration - batch->mean_usec) / WEIGHT;
        else
                /* Rounded up, so that it arrives. */
                batch->mean_usec -= (batch->mean_usec - duration + WEIGHT - 1) / WEIGHT;
        batch->is_fed = true;
}

static uint64_t divide_up(uint64_t a, uint64_t b) {
        return a / b + (a % b != 0 ? 1 : 0);
}

unsigned batch_get_target(const Batch *batch, unsigned n_slots, size_t n_remaining, unsigned max) {
        assert(n_slots > 0);
        assert(max > 0);

        if (!batch->is_fed || batch->mean_usec > BATCH_LONG_USEC)
                return 1;

        /* One that runs, and the stock. */
        const uint64_t wanted = 1 + divide_up(BATCH_STOCK_USEC, MAX(batch->mean_usec, UINT64_C(1)));
        const uint64_t share = divide_up(n_remaining, (uint64_t)n_slots * 2);

        return (unsigned)MAX(MIN(MIN(wanted, share), (uint64_t)max), UINT64_C(1));
}
