/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * The mark that a run's coordinator lives: a locked file <run id>.lock
 *
 * It stands in /run/ptest (root) or $XDG_RUNTIME_DIR/ptest. The kernel drops the lock when the coordinator
 * ends, however it ends. The fd is closed on exec, so that no worker keeps the lock of a dead coordinator.
 */

typedef struct Lock {
        int fd;
        char *path;
} Lock;

int lock_acquire(const char *run_id, Lock *ret);
/* Removes the file and drops the lock. */
void lock_release(Lock *lock);

/* Whether somebody holds a run's lock; if not, a file that was left behind is removed. */
bool lock_is_held(const char *run_id);
