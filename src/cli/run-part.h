/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/past.h"
#include "model/suite.h"

/*
 * The part of a suite that an earlier run was of, with -k, --shard or --rerun
 *
 * A run records what became of its tests, and not which ones it had: of one that died it has to be found out again what it had
 * left. Where that cannot be told any more it is all of the suite: better run too much again than lose a test.
 */

/* Clears what that run was not to run; inside has a place for each test of the suite. Logs */
int past_mark_part(const Past *past, const char *state_dir, const Suite *suite, bool *inside);
