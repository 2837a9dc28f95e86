/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <time.h>

/*
 * Clocks
 *
 * The clock of this process is CLOCK_MONOTONIC without the times in which it was stopped (a run that is paused, a
 * coordinator that was not there): deadlines and durations on it are right without being touched. What comes from
 * another process, and what is given to the kernel, is on the machine's clock, and is converted.
 */

/* A point in time, in microseconds */
static inline uint64_t clock_now(clockid_t clock) {
        struct timespec ts = {};

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* The machine's: CLOCK_MONOTONIC as it is */
static inline uint64_t clock_machine(void) {
        return clock_now(CLOCK_MONOTONIC);
}

/* The clock of this process, what every deadline is on; it never goes back. */
uint64_t clock_monotonic(void);

/* CLOCK_REALTIME, in microseconds; only for what people read */
static inline uint64_t clock_realtime(void) {
        return clock_now(CLOCK_REALTIME);
}

/*
 * Between the two. A time of the machine in which the clock stood is the moment at which it stopped. While it stands its
 * present is the machine's, so that what is to happen in a second happens in a second. USEC_INFINITY stays.
 */
uint64_t clock_to_machine(uint64_t usec);
uint64_t clock_from_machine(uint64_t machine_usec);

/* Stands still until clock_continue(), which returns for how long it did. */
void clock_stop(void);
uint64_t clock_continue(void);
bool clock_is_stopped(void);

/* How long it stood in all, so far. */
uint64_t clock_get_away(void);
/* For a process that is stopped together with another one: its clock is that of the other, which keeps that number there. */
void clock_follow(const uint64_t *away_usec);

/* The clock stood from then on, as is noticed only now: this process was stopped. Not while it stands. */
void clock_skip(uint64_t machine_since_usec);
