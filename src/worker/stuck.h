/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/macros.h"
#include "model/test-limits.h"

/*
 * Stuck: a stuck report (worker/stuck-report.h) that is being made of a test at its time limit
 *
 * Its processes are held meanwhile and afterwards, until stuck_free() or stuck_release(): between what the report
 * saw and the signal that ends the test nothing happens. The helper is a child of this process, and its end is told by
 * who reaps children.
 */

typedef struct Stuck Stuck;

typedef struct StuckSpec {
        const pid_t *pids;
        size_t n_pids;
        int cgroup_fd; /* of the cgroup that they are in, and nobody else, to be frozen; -1: none */
        StuckPolicy policy; /* -ECANCELED for STUCK_NONE */
} StuckSpec;

/* No report is no harm: who cannot have one goes on without. */
int stuck_start(const StuckSpec *spec, Stuck **ret);
/* Kills the helper, without waiting, and lets go what it held by a cgroup. */
Stuck *stuck_free(Stuck *stuck);
DEFINE_CLEANUP(Stuck, stuck_free);

/* True: that child was its helper */
bool stuck_note_end(Stuck *stuck, pid_t pid);
/* Of the helper; 0: it was reaped */
pid_t stuck_get_pid(const Stuck *stuck);
bool stuck_is_made(const Stuck *stuck);
/* When to call stuck_dispatch() at the latest */
uint64_t stuck_get_deadline(const Stuck *stuck);
/* Kills a helper whose time is over: its end is then to be waited for. */
void stuck_dispatch(Stuck *stuck, uint64_t now);

/* It is not wanted any more: its helper is killed, and what was frozen goes on. */
void stuck_abort(Stuck *stuck);

/* What it found, once it is made; NULL for nothing. */
int stuck_take(Stuck *stuck, char ***ret);
/* After the test was sent its signal: what the freezer holds gets it now. */
void stuck_release(Stuck *stuck);
