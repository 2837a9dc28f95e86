/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/macros.h"

/*
 * Spawner: starts the programs of tests
 *
 * A program starts as the leader of a session of its own, with an empty signal mask, stdin from /dev/null, no
 * other fd than its two pipes, and everything else (limits, umask, credentials) as the worker has it. It is
 * killed by the kernel when its worker dies.
 *
 * vfork() and not fork(): the worker's address space is not copied, and no handler of a library runs in the
 * child. What runs there between the two calls is async-signal-safe.
 *
 * With a cell it is in it from its first instruction on (Linux 5.7), or moves itself before it becomes its program.
 */

typedef struct Spawner Spawner;
typedef struct CgroupCell CgroupCell;

typedef struct SpawnSpec {
        char *const *argv; /* argv[0] is a path, relative to workdir if not absolute */
        char *const *environment;
        const char *workdir;      /* NULL: where we are */
        int out_fd, err_fd;       /* become its stdout and stderr; borrowed */
        const CgroupCell *cell;   /* NULL: where we are */
        uint64_t cell_memory_max; /* of it; SIZE_INFINITY or 0: none */
        uint64_t data_max; /* what each of its processes may allocate, where there is no cell to limit it; 0: any */
} SpawnSpec;

/* All signals must be blocked, and none ignored: see signals_prepare(). */
int spawner_new(Spawner **ret);
Spawner *spawner_free(Spawner *spawner);
DEFINE_CLEANUP(Spawner, spawner_free);

/* Negative: there is no child. One whose program cannot be executed exists, and ends at once. */
int spawner_start(Spawner *spawner, const SpawnSpec *spec, pid_t *ret_pid);

/*
 * Why the last child, which has ended, did not become its program, in words for a person; *ret is NULL if it did.
 */
int spawner_explain(Spawner *spawner, const SpawnSpec *spec, char **ret);

/* Why spawner_start() failed, in the same words. */
int spawn_explain_error(const SpawnSpec *spec, int error, char **ret);

/* Blocks every signal and gives each its default action, so that programs start with neither blocked nor ignored ones. */
int signals_prepare(void);
