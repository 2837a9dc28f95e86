/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/macros.h"

/*
 * Helper: a child that finds something out and writes it to its stdout, within a limited time
 *
 * For what may take long or hang, such as looking at a process that is stuck in the kernel. Its stdout is a memfd, so
 * that its owner need not read while it runs, and has what it wrote so far if it must be killed. stdin and stderr are
 * /dev/null. It is in a process group of its own, and is killed by the kernel when its owner dies.
 *
 * The owner waits for it as for its other children: helper_on_reaped() says that this was done.
 */

typedef struct Helper Helper;

/* argv[0] is a path. What cannot be executed ends at once, without output. */
int helper_start(char *const *argv, char *const *environment, uint64_t deadline_usec, Helper **ret);
/* Kills it, and does not wait for it. */
Helper *helper_free(Helper *helper);
DEFINE_CLEANUP(Helper, helper_free);

/* 0 once it has been reaped */
pid_t helper_get_pid(const Helper *helper);
/* CLOCK_MONOTONIC; when it is to be killed; USEC_INFINITY once it was, or was reaped */
uint64_t helper_get_deadline(const Helper *helper);

/* It and the processes of its group. Those that left it are not known. */
void helper_kill(Helper *helper);
void helper_on_reaped(Helper *helper);

/* What it has written so far, at most max bytes, from the start; NUL-terminated. */
int helper_read(const Helper *helper, size_t max, char **ret_data, size_t *ret_size);
