/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/protocol.h"

#include "model/test.h"

#include <stdbool.h>

/*
 * The tasks that one worker holds, in the order they were sent, and what is known of each when it ends
 *
 * A worker runs its tasks in that order. Its page counts the tasks it has started; results come back in the
 * same order. So when it is gone, the tasks from the front on are: started and their result missing, then
 * the one that ran, then those that were never started.
 */

typedef struct InFlightTask {
        uint64_t id; /* unique in the run, so that a late message matches nothing */
        PtestRole role;
        uint32_t test;       /* index in the suite; of a fixture: its instance */
        const Test *fixture; /* weak: owned by the suite; NULL: it is a test */
        unsigned attempt;    /* from 1 */
} InFlightTask;

typedef struct InFlight {
        InFlightTask tasks[PTEST_TASKS_MAX];
        size_t n_tasks;
        uint64_t n_finished; /* results received from this worker */
} InFlight;

typedef enum Settlement {
        SETTLEMENT_MISSING,   /* it was run, and its result did not arrive */
        SETTLEMENT_RUNNING,   /* it was running when the worker ended */
        SETTLEMENT_UNSTARTED, /* it goes back to the queue */
} Settlement;

/* -ENOBUFS: the worker holds PTEST_TASKS_MAX */
int in_flight_add(InFlight *in_flight, const InFlightTask *task);

/* Takes out the task of a result. -ENOENT: it holds no such task; -EBADMSG: it cannot have started it yet. */
int in_flight_finish(InFlight *in_flight, uint64_t id, InFlightTask *ret);

/* Takes out a task that the worker says it never started. -ENOENT */
int in_flight_cancel(InFlight *in_flight, uint64_t id, InFlightTask *ret);

/* The place of a task, or n_tasks. */
size_t in_flight_find(const InFlight *in_flight, uint64_t id);

/* What is known of the i-th task, from what the dead worker's page says. */
Settlement in_flight_settle(const InFlight *in_flight, size_t i, const PtestPage *page);
