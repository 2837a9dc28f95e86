/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-id128.h>

#include "basic/macros.h"

#include <sys/types.h>

/*
 * The directory of a run's sockets, gone with the run: mode 0700, or 0710 for the group of workers that are
 * another user, so that a test of theirs can reach the sockets but not replace them. PTEST_FILES_DIRECTORY in it
 * is theirs, for what set-ups export and tests find
 *
 * Below $RUNTIME_DIRECTORY, /run/ptest (root), $XDG_RUNTIME_DIR/ptest or /tmp: the first that can be used
 * and leaves room for a socket's path (107 bytes). Its coordinator holds a lock on it (flock), so that those
 * of coordinators that were killed are known, and removed by the next run.
 */

typedef struct RunDirectory RunDirectory;

int run_directory_new(sd_id128_t run_id, uid_t uid, gid_t gid, RunDirectory **ret);
/* Removes it. */
RunDirectory *run_directory_free(RunDirectory *directory);
DEFINE_CLEANUP(RunDirectory, run_directory_free);

const char *run_directory_get_path(const RunDirectory *directory);
