/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/past.h"
#include "cli/run-options.h"
#include "coordinator/coordinator.h"

/*
 * What earlier runs, an order and parts make of a suite that is to be run
 */

typedef struct RunAgain {
        Past resumed;    /* the run that is gone on with; no runs in it: none */
        char *seed;      /* of the order, as it is recorded; NULL: not shuffled */
        char *shard;     /* "2/5"; NULL: all of it */
        char *rerun_run; /* of --rerun, once it is known: the same for all runs of --until-fail */
        sd_id128_t rerun_of;
        char *working_directory;
        char *const *patterns; /* of the options */
        const char *state_dir;
        bool without_attempts;
} RunAgain;

void run_again_done(RunAgain *again);

/*
 * Takes out of the suite what is not to be run, and puts the rest into its order; first: of the runs of --until-fail. 1:
 * nothing is to be run, *ret_status is to be exited with. Negative: wrong use. Both were told.
 */
int run_again_prepare(
                RunAgain *again,
                const RunOptions *options,
                bool first,
                Suite *suite,
                int *ret_status);

/* What is to be recorded of it. */
void run_again_get_origin(const RunAgain *again, CoordinatorOrigin *ret);

bool run_again_is_resuming(const RunAgain *again);
/* As in CoordinatorConfig */
size_t run_again_count_found(const RunAgain *again);
int run_again_next_carried(RunAgain *again, Event **ret);

/* The words of a command, as they are recorded; the caller frees the vector. */
int run_again_split_command(const char *command, char ***ret);

/*
 * Where "ptest run --resume" says no suite: the words of the command that is gone on with, and behind them those that were
 * given now; the caller frees the vector. Goes to the directory in which that was given. Negative: it was told
 */
int run_again_recall(const RunOptions *options, char **argv, char ***ret);
