/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "worker/output.h"

/*
 * Keep: what set-ups have left running, each until its tear-down
 *
 * A process is kept if it is in the session of a process that a set-up left, or descends from one. One that such a
 * process starts later, and that leaves both the session and its parents, can be told from a test's only if set-ups
 * have cgroups of their own.
 *
 * So is a module host, with its descendants, until it has ended.
 *
 * What is kept may write to the pipes of its set-up as long as it likes: they are read, and what comes is dropped.
 */

typedef struct Keep Keep;
typedef struct CgroupTree CgroupTree;
typedef struct CgroupCell CgroupCell;

int keep_new(Keep **ret);
Keep *keep_free(Keep *keep);

/* After a set-up's process has ended: what is there and is not kept yet. Takes the pipes. */
int keep_add(Keep *keep, uint32_t instance, pid_t leader, Output *output);
/*
 * A module host: a child that lives beside tests that are programs, with all below it. Who waits for any child may reap it:
 * then its end is noted for who started it. -ENOMEM
 */
int keep_add_host(Keep *keep, pid_t pid);
void keep_drop_host(Keep *keep, pid_t pid);
bool keep_note_end(Keep *keep, pid_t pid, int wait_status); /* false: it is none */
/* It was reaped, and how it had ended. */
bool keep_find_end(const Keep *keep, pid_t pid, int *ret_wait_status);

/* With what is in a set-up's cgroup, which is taken if something was kept. */
void keep_add_cell(Keep *keep, uint32_t instance, const CgroupTree *tree, CgroupCell **cell);

/* They are a run's like all others from now on. The cgroup that they are in is the caller's; may be NULL */
CgroupCell *keep_release(Keep *keep, uint32_t instance);
/* Nothing is kept any more. */
void keep_forget(Keep *keep);

bool keep_is_empty(const Keep *keep);

/* Takes the kept ones out of a list of descendants. */
void keep_take_out(const Keep *keep, pid_t *pids, size_t *count);

/* The pipes, for poll(): at most max; and reading what came. */
size_t keep_get_fds(const Keep *keep, struct pollfd *fds, size_t max);
void keep_dispatch(Keep *keep, const struct pollfd *fds, size_t n);
