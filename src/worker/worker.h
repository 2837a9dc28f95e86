/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/status.h"

/*
 * Worker: takes tasks from the coordinator, runs them one after the other, and says how each went
 *
 *      WORKING ──stop {now: false}──▶ FINISHING ──the running test ended──▶ LEAVING ──stop, or 5 s──▶ end
 *         └──────stop {now: true}──────▶ (interrupts the running test) ──────▲
 *
 * Whatever goes wrong between it and the coordinator, it ends: all processes of the running test are killed
 * first. It never frees what nng holds: closing a socket can hang (nng 1.5.2), leaving with _exit() cannot.
 */

typedef struct WorkerOptions {
        const char *directory; /* of the sockets */
        unsigned slot;
        unsigned generation;
        char *const *environment; /* of every test, before its own changes */
        int gate_fd, page_fd, spill_fd;
        int signal_fd; /* readable: SIGTERM */
} WorkerOptions;

/* Until the end. What went wrong is logged. */
WorkerStatus worker_run(const WorkerOptions *options);
