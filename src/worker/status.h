/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Exit statuses of ptest-worker; each but the first goes with a line on stderr, unless nobody is left to read it
 */

typedef enum WorkerStatus {
        WORKER_STATUS_GOOD = 0,
        WORKER_STATUS_USAGE =
                        64, /* options or inherited fds that are not as ptest/protocol.h says */
        WORKER_STATUS_USER = 65, /* could not become the user */
        WORKER_STATUS_CHANNEL =
                        66, /* the coordinator cannot be reached, or does not take what is sent */
        WORKER_STATUS_PROTOCOL = 67, /* it sent what is no message, or more tasks than allowed */
        WORKER_STATUS_ORPHAN = 68,   /* its end of the gate was closed: it is gone */
        WORKER_STATUS_STOPPED = 69,  /* SIGTERM */
        WORKER_STATUS_STUCK = 70,    /* something of a test cannot be killed; the result was sent */
        WORKER_STATUS_MACHINE = 71,  /* out of memory, out of fds, a kernel that refuses */
        WORKER_STATUS_MODULE = 72,   /* a module cannot be listed */
} WorkerStatus;
