/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * What the processes of a test use right now, seen from outside
 */

/*
 * In bytes. leader: the first process of the test; worker: that which it runs under. *ret_source is "cgroup" if they
 * are counted together there, else "processes": then what they share is counted once for each. -ESRCH
 */
int status_measure_memory(pid_t leader, pid_t worker, uint64_t *ret_bytes, const char **ret_source);
