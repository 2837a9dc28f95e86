/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "model/test-limits.h"

/*
 * Cell: the cgroup of one test, below that of its worker
 *
 * A cell is made for one run and removed after it: its counters begin at 0, and what the kernel cannot reset (peaks)
 * is that test's alone. Only cgroup v2. All files are the kernel's small ones; for tests they may be any.
 */

typedef struct CgroupCell CgroupCell;

/* What all in it used together since it was made. */
typedef struct CellUsage {
        uint64_t user_usec, system_usec;
        uint64_t memory_peak;             /* bytes; SIZE_UNKNOWN */
        uint64_t tasks_peak;              /* processes and threads; UINT64_MAX: unknown */
        uint64_t read_bytes, write_bytes; /* of block devices; SIZE_UNKNOWN */
        bool has_cpu;                     /* the two times above are known */
} CellUsage;

/* What the kernel refused, or did, to keep its limits. */
typedef struct CellEvents {
        uint64_t oom; /* the limit of this cell, or of one below it, could not be kept otherwise */
        uint64_t oom_kill;      /* processes in it that were killed for lack of memory, whoever's */
        uint64_t forks_refused; /* at tasks_max */
} CellEvents;

/*
 * Makes the cgroup and gives it the limits. A limit whose file is not there is left out, as its controller is not ours:
 * that has to be found out before. directory_fd: of the parent. -EEXIST
 */
int cell_new(int directory_fd, const char *name, const TestLimits *limits, CgroupCell **ret);
/* Also removes it if it is empty, which is tried again by the worker that begins anew, or by the manager. */
CgroupCell *cell_free(CgroupCell *cell);
DEFINE_CLEANUP(CgroupCell, cell_free);

/* Who is over the limit dies with all others in it (as after cell_new()), or alone. */
int cell_set_whole(CgroupCell *cell, bool whole);
/* New limits, for one that is used for several tests. */
int cell_set_limits(CgroupCell *cell, const TestLimits *limits);

const char *cell_get_name(const CgroupCell *cell);
/* O_PATH; for clone3() */
int cell_get_fd(const CgroupCell *cell);
/* For poll(), POLLPRI: it may have become empty. -1: not to be had */
int cell_get_events_fd(const CgroupCell *cell);

bool cell_is_empty(const CgroupCell *cell);
/* All in it, and in cgroups that the test made below; at most max. */
int cell_list(const CgroupCell *cell, size_t max, pid_t **ret_pids, size_t *ret_count);
/* SIGKILL to all, at once where the kernel can. Needs to be repeated where it cannot. */
void cell_kill(CgroupCell *cell);

void cell_read_usage(const CgroupCell *cell, CellUsage *ret);
/* SIZE_INFINITY: none */
uint64_t cell_read_memory_max(const CgroupCell *cell);
void cell_read_events(const CgroupCell *cell, CellEvents *ret);

/* The number behind "key " at the beginning of a line of one of the kernel's flat keyed files; 0 if it is not there. */
uint64_t cgroup_text_get_counter(const char *text, const char *key);
