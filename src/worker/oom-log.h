/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What the kernel's log says about whom it killed for lack of memory
 */

/* From now on. -EPERM: not for everybody (kernel.dmesg_restrict); so ask before privileges are dropped. */
int oom_log_open(void);

/*
 * Reads on to the end, and looks for the last victim in the cgroup whose path ends with this, or below it. A record is
 * read by one read(). *ret_name is printable, and has size bytes at most. False: none is told of
 */
bool oom_log_find_victim(int fd, const char *cgroup, pid_t *ret_pid, char *ret_name, size_t size);
