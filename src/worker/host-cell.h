/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/cgroup-tree.h"
#include "worker/oom.h"

/*
 * The cell of a module host: one for each of its processes, with the limits of the test that it is at
 *
 * It lives as long as the process and what is left of it. Where a test in a child of its own is over the limit the
 * kernel kills that child and not all: the process has more to do.
 */

typedef struct HostCell {
        CgroupTree *tree; /* weak; NULL: there are no cells */
        OomWatch *oom;    /* weak; NULL: a lack of memory is not recognised */
        TestLimits limits;
        CgroupCell *cell; /* NULL: there is no process, or it has none */
        CellEvents seen;
        OomEvidence told; /* by the last look */
} HostCell;

void host_cell_done(HostCell *cell);

/* Before a process is started. -1 as its fd: it is to stay where we are. */
int host_cell_begin(HostCell *cell);
int host_cell_get_fd(const HostCell *cell);
/* What each process may allocate where nothing else limits it; 0: any */
uint64_t host_cell_get_data_max(const HostCell *cell);
/* It has become its program: before, it shared our memory. */
int host_cell_on_started(HostCell *cell);

/* For the next test, while none runs. */
bool host_cell_has_limits(const HostCell *cell, const TestLimits *limits);
int host_cell_set_limits(HostCell *cell, const TestLimits *limits);

/* The process has ended: kills what is left; again, until it is true. */
bool host_cell_end(HostCell *cell);

/* Something in it was killed for lack of memory. */
void host_cell_look(HostCell *cell, OomEvidence *ret);
