/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/*
 * Starting a worker's program in a session of its own
 *
 * fds become 3, 4, … there; standard input is /dev/null; nothing else is inherited beyond standard output
 * and error. The signal mask is empty and all handlers are the default ones. mark is put into the
 * environment as PTEST_WORKER_MARK, by which descendants are recognised. The program is not waited for, but
 * a program that cannot be executed is known at once: its negative errno is returned and no child is left.
 */

#define LAUNCH_MARK_VARIABLE "PTEST_WORKER_MARK"

int launch_worker(
                char *const *argv,
                const int *fds,
                size_t n_fds,
                const char *mark,
                pid_t *ret_pid,
                int *ret_pidfd);

/* The mark of the worker that a process descends from; NULL if it has none, or cannot be read. To be freed */
char *launch_read_mark(pid_t pid);
