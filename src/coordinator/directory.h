/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-id128.h>

#include "basic/macros.h"

#include <sys/types.h>

/*
 * The directory of a run's sockets: mode 0700, the workers' own, gone with the run
 *
 * Below $RUNTIME_DIRECTORY, /run/ptest (root), $XDG_RUNTIME_DIR/ptest or /tmp: the first that can be used
 * and leaves room for a socket's path (107 bytes).
 */

int run_directory_make(sd_id128_t run_id, uid_t uid, gid_t gid, char **ret);
/* Removes it and frees the path. */
char *run_directory_remove(char *path);
