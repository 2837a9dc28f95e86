/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "model/result.h"
#include "worker/cgroup-cell.h"

/*
 * Oom watch: whether the kernel killed a process for lack of memory, whose limit that was, and whom it killed
 *
 * Counts are compared. Of a test in a cell those of its cell say that something of it was killed; of one without,
 * those of the worker's cgroup, which runs one test at a time. A cgroup also counts how often its own limit could not be
 * kept: the first one that did, from the test's upwards, is the one whose limit it was; if none did, the machine
 * had no more. Version 2 (memory.events) and 1 (memory.oom_control) are read; where there is neither, nothing is ever seen.
 *
 * The kernel's log has the name and number of the victim, where it may be read.
 */

typedef struct OomWatch OomWatch;
typedef struct OomEvidence OomEvidence;

/* Names of processes as the kernel has them: 15 bytes. */
#define OOM_NAME_MAX 64

struct OomEvidence {
        bool kill;      /* something was killed since the last look */
        bool in_cell;   /* and it was of the test, which has a cell */
        OomOwner owner; /* OOM_OWNER_UNKNOWN: not told, on version 1 */
        const char *unit; /* of the limit, if it is above the worker's: "ptest-x.slice"; weak: the watch's */
        uint64_t memory_max; /* SIZE_INFINITY: none or unknown; only looked up if something was killed */
        uint64_t memory_peak; /* of what has that limit, so far; SIZE_UNKNOWN */
        /* What is in the worker's cgroup and not the test's, if the limit is the worker's; 0: not known */
        uint64_t memory_beside;
        pid_t victim;                   /* 0: unknown */
        char victim_name[OOM_NAME_MAX]; /* printable; "" if unknown */
};

int oom_watch_new(OomWatch **ret);
/*
 * The files are those of these directories, and of those above as long as they have such files. Either may be
 * NULL.
 */
int oom_watch_new_at(const char *unified, const char *legacy, OomWatch **ret);
OomWatch *oom_watch_free(OomWatch *watch);
DEFINE_CLEANUP(OomWatch, oom_watch_free);

/* The kernel's log, open and not blocking, from where on it is looked at; takes it. -1: none */
void oom_watch_set_log(OomWatch *watch, int fd);

/* A test begins: what was before is not its matter. */
void oom_watch_begin(OomWatch *watch);

/* What happened since the last look, to a test without a cell. */
void oom_watch_look(OomWatch *watch, OomEvidence *ret);

/* What a result of the outcome oom says beside its reason; nothing to others. */
int oom_evidence_tell(const OomEvidence *evidence, Result *result);

/*
 * The same to a test in a cell. seen: what the cell had told before, for one that is used for several tests; is
 * updated. All 0 for a new one.
 */
void oom_watch_look_in(OomWatch *watch, const CgroupCell *cell, CellEvents *seen, OomEvidence *ret);
