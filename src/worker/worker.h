/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/status.h"

/*
 * Worker: takes tasks from the coordinator, runs them one after the other, and says how each went
 *
 *      WORKING ──stop {now: false}──▶ FINISHING ──the running test ended──▶ LEAVING ──stop, or 5 s──▶ end
 *         └──────stop {now: true}──────▶ (interrupts the running test) ──────▲
 *
 * A worker that is spent (what it ran left a process unfit, it has run its number of tests, it has grown too much) says so
 * with a result, and starts nothing after it but tear-downs.
 *
 * Whatever goes wrong between it and the coordinator, it ends: all processes of the running test are killed
 * first. It never frees what nng holds: closing a socket can hang (nng 1.5.2), leaving with _exit() cannot.
 */

typedef struct WorkerOptions {
        const char *directory; /* of the sockets */
        unsigned slot;
        unsigned generation;
        char *const *environment; /* of every test, before its own changes */
        const char *places;       /* below which tests have their private ones; NULL: nowhere */
        const char *worker_set_up; /* of a module whose hook each process for modules calls first; NULL: none */
        unsigned recycle_after;  /* tests; 0: never */
        uint64_t recycle_memory; /* bytes that it may grow by; SIZE_INFINITY: any */
        bool hands_back;         /* what waits, after each test with a bad outcome */
        bool no_test_cgroups;    /* tests stay in ours */
        int gate_fd, page_fd, spill_fd;
        int signal_fd;     /* readable: SIGTERM */
        int kernel_log_fd; /* 0: it cannot be read; taken */
} WorkerOptions;

/* Until the end. What went wrong is logged. */
WorkerStatus worker_run(const WorkerOptions *options);
