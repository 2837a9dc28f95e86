/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Looking at processes
 */

/* -ESRCH if it is gone */
int process_open(pid_t pid, int *ret_pidfd);
int process_signal(int pidfd, int signo);

/* The command line, quoted for reading, "[comm]" if it has none; cut if long; -ESRCH if it is gone. */
int process_get_command(pid_t pid, char **ret);

typedef struct ProcessStat {
        char state; /* the letter of /proc/PID/stat: R S D Z T t X I */
        pid_t parent, session;
        unsigned n_threads;
} ProcessStat;

/* -ESRCH if it is gone */
int process_get_stat(pid_t pid, ProcessStat *ret);
int process_get_state(pid_t pid, char *ret);

/* -ESRCH if it is gone */
int process_get_parent(pid_t pid, pid_t *ret);

/* A signal's bit in SigCgt of /proc/PID/status: the process has a handler for it. */
int process_catches_signal(pid_t pid, int signo, bool *ret);

/*
 * All living descendants of a process, children before grandchildren, zombies left out; at most max of them.
 * Descendants of an ended process are found only under the sub-reaper that they went to. One look at what
 * changes meanwhile: who ends processes repeats it until it finds none. -ESRCH: the process itself is gone
 */
int process_list_descendants(pid_t pid, size_t max, pid_t **ret_pids, size_t *ret_count);

/* The bytes that are resident, those that it shares with others among them; -ESRCH if it is gone */
int process_get_memory(pid_t pid, uint64_t *ret);

/* The unified ("0::") path, or on cgroup v1 that of name=systemd, as /proc/PID/cgroup has it. -ESRCH, -ENODATA: neither */
int process_get_cgroup(pid_t pid, char **ret);

/* CPUs that this process may use: affinity, at least 1. */
unsigned process_count_cpus(void);
