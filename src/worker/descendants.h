/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/keep.h"

/*
 * Descendants: all processes below this one, which is their sub-reaper
 *
 * Whatever a test does (sessions, double forks, closed fds), its processes stay below its worker, and a worker
 * runs one test at a time: so they all are that test's, but for those that are kept (worker/keep.h): they are left
 * out everywhere here; NULL keeps none.
 */

/* More than this are not seen at once: they are met in the next round. Above any sensible TasksMax. */
#define DESCENDANTS_MAX 32768U

/* *ret_pids is the caller's. */
int descendants_list(const Keep *keep, pid_t **ret_pids, size_t *ret_count);

/* Once to each of them; one that is stopped is continued, so that it takes the signal. Best effort. */
void descendants_signal(const Keep *keep, int signo);

/*
 * SIGKILL to all. First they are stopped until no new ones appear: who is killed one by one can fork faster.
 * They are dead some time after: reap until -ECHILD, and call again while others appear.
 */
void descendants_kill(const Keep *keep);

/* None is there. */
bool descendants_are_gone(const Keep *keep);
