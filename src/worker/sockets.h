/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/macros.h"

/*
 * Sockets: what the "socket:[NUMBER]" of /proc/PID/fd is
 */

typedef struct Sockets Sockets;

/*
 * Those of that process's network, as it is now: into *sockets, unless they are of the same network already. A kernel
 * may take tens of milliseconds for its lists. -ESRCH; *sockets is NULL then.
 */
int sockets_ensure(Sockets **sockets, pid_t pid);
Sockets *sockets_free(Sockets *sockets);
DEFINE_CLEANUP(Sockets, sockets_free);

/*
 * "tcp listening on 127.0.0.1:8080", "tcp 127.0.0.1:8080 to 127.0.0.1:40000", "unix /run/x". *ret is NULL for those of
 * other kinds.
 */
int sockets_describe(const Sockets *sockets, uint64_t inode, char **ret, bool *ret_listening);
