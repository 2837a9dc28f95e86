/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/run-again.h"

/*
 * "ptest run --rerun": of a suite only what an earlier run has recorded as failed, not passed or outstanding
 *
 * It is found out once, before anything runs, from that run's records. Tests of which there was something wrong and that
 * are not in the suite any more are named.
 */

/* 1: there is nothing to be run again; *ret_status. Negative: wrong use. Both were told. */
int run_rerun_select(RunAgain *again, const RunOptions *options, Suite *suite, int *ret_status);

/* Whether a test is one of those that are asked for. inside: the run was to run it, for one that died without a record of it. */
bool run_rerun_wants(
                const Past *past,
                RerunWhat what,
                const Suite *suite,
                const PackedTest *test,
                bool inside);

/* "a, b, c and 4 more": addresses, as a person reads them; the caller frees it. */
char *run_rerun_list_names(char *const *addresses);
