/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * Processes by their parents, for a backend that has no cgroup that would hold them together
 */

/* Bounded: whoever looks looks again, and finds the rest then. */
typedef struct PidList {
        pid_t *pids;
        size_t n;
} PidList;

void pid_list_done(PidList *list);
/* -E2BIG: it is full */
int pid_list_add(PidList *list, pid_t pid);

/* All processes whose parent we are, zombies too: those that we started, and those that we adopted as the sub-reaper */
int process_tree_list_children(PidList *list);

/*
 * To a process below us and to all below it. Each signal goes through a pidfd that was opened before the process was
 * looked at, so that no reused pid is hit.
 */
void process_tree_signal(pid_t root, int signo);
