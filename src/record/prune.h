/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/keep-runs.h"

#include <stddef.h>

/*
 * Removes the run files of old runs, so that a suite that is run every hour does not fill the disk
 *
 * Of one suite only; never its latest run, nor one that is being written (its writer holds a lock), nor one that a run
 * goes on with (PTEST_RESUMES) or repeats (PTEST_RERUN_OF) that is being written. Others may write and prune at the
 * same time.
 */

/* *ret_removed: how many; may be NULL. What cannot be removed stays, and is no error. */
int runs_prune(const char *state_dir, const char *suite, const KeepRuns *keep, size_t *ret_removed);
