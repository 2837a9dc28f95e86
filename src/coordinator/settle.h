/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/slot.h"

/*
 * What becomes of a test whose worker ended without sending its result
 */

typedef struct SettleInput {
        Settlement settlement; /* MISSING or RUNNING */
        SlotCause cause;
        const char *why;      /* of the cause; may be NULL */
        BackendWorkerEnd end; /* all zero while the worker is not gone */
        uint64_t ran_usec;    /* how long it ran, for RUNNING */
        uint64_t memory_max;  /* of the worker; SIZE_INFINITY: none */
} SettleInput;

int settle_make_result(const Test *test, const SettleInput *input, Result **ret);

/*
 * "killed by SIGKILL", "exited with status 1", "killed at its memory limit of 1M"; NULL for a good end or on ENOMEM.
 * memory_max: the worker's; without one it was a limit above, or the machine's
 */
char *settle_describe_end(const BackendWorkerEnd *end, uint64_t memory_max);
