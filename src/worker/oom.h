/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "basic/macros.h"

/*
 * Oom watch: whether the kernel killed a process of our own cgroup for lack of memory
 *
 * Counts are compared: the kernel tells nobody whom it killed, but a cgroup has one worker, a worker runs one
 * test at a time, and the counter grows before the process dies. cgroup v2 (memory.events) and v1
 * (memory.oom_control) are read; where there is neither, nothing is ever seen.
 */

typedef struct OomWatch OomWatch;

typedef struct OomEvidence {
        bool kill;           /* something was killed since the last look */
        bool own;            /* at this cgroup's own limit, not at one above it or the machine's */
        uint64_t memory_max; /* SIZE_INFINITY: none or unknown; only looked up if something was killed */
        uint64_t memory_peak; /* of the whole cgroup so far; SIZE_UNKNOWN */
} OomEvidence;

int oom_watch_new(OomWatch **ret);
/* The files are those of these directories; for tests. Either may be NULL. */
int oom_watch_new_at(const char *unified, const char *legacy, OomWatch **ret);
OomWatch *oom_watch_free(OomWatch *watch);
DEFINE_CLEANUP(OomWatch, oom_watch_free);

/* What happened since the last call. */
void oom_watch_look(OomWatch *watch, OomEvidence *ret);
