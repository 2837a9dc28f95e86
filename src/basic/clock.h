/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <time.h>

static inline uint64_t clock_now(clockid_t clock) {
        struct timespec ts = {};

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* CLOCK_MONOTONIC, in microseconds; what every deadline is on */
static inline uint64_t clock_monotonic(void) {
        return clock_now(CLOCK_MONOTONIC);
}

/* CLOCK_REALTIME, in microseconds; only for what people read */
static inline uint64_t clock_realtime(void) {
        return clock_now(CLOCK_REALTIME);
}
