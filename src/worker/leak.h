/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "model/result.h"
#include "model/test-limits.h"

/*
 * Leaks: what a test left running, told so that a person finds it
 *
 *      4711 sleep 1000 (1.2s old; listens: tcp listening on 127.0.0.1:8080; open: /tmp/x, the test's stdout, 3 more)
 */

/* Named in a result; the rest is counted in its last line. */
#define LEAKS_NAMED_MAX 32U

/* The pipes of the test, to be known again; -1: not there any more. */
typedef struct LeakPipes {
        int out_fd, err_fd;
} LeakPipes;

/* Those that are gone since, or ended, are left out. */
int leaks_describe(const pid_t *pids, size_t n, const LeakPipes *pipes, char ***ret);

/* With what it left already in it: its marks, and what becomes of its outcome. */
int leaks_judge(LeakPolicy policy, Result *result);
