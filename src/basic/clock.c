/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/clock.h"

#include <assert.h>
#include <string.h>

/* Breaks that are remembered one by one; what began before the oldest of them seems to have begun after it. */
#define BREAKS_MAX 64U

/* In which the clock stood. */
typedef struct Break {
        uint64_t start_usec, end_usec; /* the machine's */
} Break;

/* There is one clock in a process, as there is one in the machine. */
static struct {
        Break breaks[BREAKS_MAX];
        size_t n_breaks;
        uint64_t dropped_usec;    /* of breaks that are not remembered, in all */
        uint64_t since_usec;      /* the end of the last one of those */
        uint64_t away_usec;       /* of all breaks */
        uint64_t stopped_usec;    /* 0: it goes; the machine's */
        uint64_t read_usec;       /* when it was last looked at, the machine's */
        const uint64_t *followed; /* weak: shared memory; NULL: none */
} state;

void clock_follow(const uint64_t *away_usec) {
        state.followed = away_usec;
}

uint64_t clock_get_away(void) {
        return state.followed ? __atomic_load_n(state.followed, __ATOMIC_ACQUIRE) : state.away_usec;
}

uint64_t clock_monotonic(void) {
        if (state.followed)
                return clock_machine() - clock_get_away();
        if (state.stopped_usec == 0)
                state.read_usec = clock_machine();
        return (state.stopped_usec > 0 ? state.stopped_usec : state.read_usec) - state.away_usec;
}

uint64_t clock_to_machine(uint64_t usec) {
        uint64_t away = state.away_usec;

        if (state.stopped_usec > 0)
                away += clock_machine() - state.stopped_usec;
        return usec_add(usec, away);
}

uint64_t clock_from_machine(uint64_t machine_usec) {
        uint64_t usec = MAX(machine_usec, state.since_usec);
        uint64_t away = state.dropped_usec;

        if (machine_usec == USEC_INFINITY)
                return USEC_INFINITY;
        if (state.stopped_usec > 0)
                usec = MIN(usec, state.stopped_usec);
        for (size_t i = 0; i < state.n_breaks; i++) {
                const Break *b = &state.breaks[i];

                if (usec > b->start_usec)
                        away += MIN(usec, b->end_usec) - b->start_usec;
        }
        return usec - away;
}

static void clock_add_break(uint64_t start_usec, uint64_t end_usec) {
        if (state.n_breaks == BREAKS_MAX) {
                const Break *oldest = &state.breaks[0];

                state.dropped_usec += oldest->end_usec - oldest->start_usec;
                state.since_usec = oldest->end_usec;
                memmove(state.breaks, state.breaks + 1, (BREAKS_MAX - 1) * sizeof(Break));
                state.n_breaks--;
        }
        state.breaks[state.n_breaks++] = (Break){ start_usec, end_usec };
        state.away_usec += end_usec - start_usec;
}

void clock_stop(void) {
        if (state.stopped_usec == 0)
                state.stopped_usec = clock_machine();
}

uint64_t clock_continue(void) {
        const uint64_t start = state.stopped_usec, end = clock_machine();

        if (start == 0)
                return 0;
        state.stopped_usec = 0;
        clock_add_break(start, end);
        return end - start;
}

bool clock_is_stopped(void) {
        return state.stopped_usec > 0;
}

void clock_skip(uint64_t machine_since_usec) {
        const uint64_t now = clock_machine();
        uint64_t start = MAX(machine_since_usec, state.read_usec); /* what it said stays true */

        assert(!clock_is_stopped());

        if (state.n_breaks > 0)
                start = MAX(start, state.breaks[state.n_breaks - 1].end_usec);
        if (start < now)
                clock_add_break(start, now);
}
