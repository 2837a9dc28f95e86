/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * What a coordinator and its workers say to each other
 *
 * Transport: nng over ipc://. One PUSH socket a worker carries tasks to it; one PULL socket at the
 * coordinator takes the events of all. Both live in one directory of mode 0700 whose path is given to the
 * worker on its command line; the sockets are named "e" (events) and "w<slot>g<generation>" (tasks).
 *
 * A message is one msgpack map with short string keys, one of which is "k", the kind. Unknown keys are
 * skipped. A message that is too large, too deep, has a value out of its bounds or bytes after its end is
 * broken: it costs its sender (a worker is stopped and replaced), never its receiver.
 *
 * An exchange:
 *
 *      worker                          coordinator
 *        hello {version,slot,gen,pid} ─▶
 *                                     ◀─ tasks [{id,…}, …]          any number of times
 *        finished {id,outcome,…}      ─▶                            one for each task, in the order sent
 *        spilled {id,offset,size}     ─▶                            the same, for one above PTEST_MESSAGE_SIZE_MAX
 *                                     ◀─ cancel [id, …]             tasks that need not be started any more
 *        cancelled [id, …]            ─▶                            those of them that had not been started
 *                                     ◀─ stop {now}                 end; now: without finishing what runs
 *        bye                          ─▶
 *                                     ◀─ stop {now: true}           the acknowledgement: the worker ends
 *
 * There is no message for the start of a task: PtestPage says what runs.
 *
 * Inherited fds of a worker: PTEST_GATE_FD, one end of a stream socketpair; the worker waits for one byte on
 * it before it does anything, and ends itself and its tests when the other end is closed. PTEST_PAGE_FD, a
 * memfd of one PtestPage, which both map. PTEST_SPILL_FD, a memfd to which the worker appends messages that
 * are too large for the socket, each at an offset that it never uses again; "spilled" says where, and the
 * coordinator punches out what it has read. Only the two processes can reach it: no test can forge a result.
 */

#define PTEST_PROTOCOL_VERSION 1

/* nng 1.5.2 loses or hangs on large last messages (above 200 kB, measured); larger ones are spilled. */
#define PTEST_MESSAGE_SIZE_MAX (64U * 1024U)

/* Nesting of a message: map → array of tasks → map → array of strings, and some room. */
#define PTEST_MESSAGE_DEPTH_MAX 8U

/* Tasks in one message, and tasks that a worker holds at once. */
#define PTEST_TASKS_MAX 256U

/* One spilled message: two streams at their cap, and the points of a test. */
#define PTEST_SPILL_SIZE_MAX (16U * 1024U * 1024U)

/* Bytes kept of each output stream of a test; head and tail are kept, the middle is counted. */
#define PTEST_OUTPUT_MAX_DEFAULT (1024U * 1024U)

#define PTEST_GATE_FD 3
#define PTEST_PAGE_FD 4
#define PTEST_SPILL_FD 5

/*
 * One page that a worker writes and the coordinator reads, so that it is known what a worker was doing
 * when it died, without a message for each start. All fields are written and read with C11 atomics
 * (release and acquire). task_id 0 is no task: ids start at 1.
 */
typedef struct PtestPage {
        uint64_t task_id;        /* the task that runs now; written last at its start, 0 first at its end */
        uint64_t started_usec;   /* CLOCK_MONOTONIC at that start */
        uint64_t started_count;  /* tasks started so far by this worker */
        uint64_t finished_count; /* results handed to nng so far */
        int64_t leader_pid;      /* pid of that task's process, 0 for none */
} PtestPage;
