/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/test-limits.h"

/*
 * The options of "ptest run" about running things again, in another order, or in parts
 */

typedef enum RerunWhat {
        RERUN_NOTHING,
        RERUN_FAILED,      /* what was bad */
        RERUN_NOT_PASSED,  /* and what was skipped or not run */
        RERUN_OUTSTANDING, /* what was not run */
} RerunWhat;

typedef enum ResumeWhat {
        RESUME_NOTHING,
        RESUME_RUN,  /* that one, or the latest */
        RESUME_AUTO, /* the latest if it died, else begin anew */
} ResumeWhat;

typedef struct AgainOptions {
        bool retries_given;
        unsigned retries; /* 0: none */
        unsigned repeat;  /* 0: not given */
        bool flaky_given;
        FlakyPolicy flaky;
        bool until_fail;
        unsigned until_fail_max; /* runs; 0: no limit */
        bool shuffle, seed_given;
        uint64_t seed;
        unsigned shard, n_shards; /* shard from 1; 0: all of the suite */
        bool shard_by_duration;
        const char *shard_run; /* whose durations; NULL: the latest whole one of the suite */
        RerunWhat rerun;
        const char *rerun_run; /* NULL: the latest of the suite */
        ResumeWhat resume;
        const char *resume_run; /* NULL: the latest of the suite */
} AgainOptions;

/* "I/N" and "WHAT" or "WHAT:RUN" (NULL: what the option alone means). -EINVAL, -ERANGE: it is none */
int again_options_parse_shard(AgainOptions *options, const char *arg);
int again_options_parse_rerun(AgainOptions *options, const char *arg);

/* A child of a verb's argp, whose input is an AgainOptions. Wrong use is told, and ends the parsing with EINVAL. */
extern const struct argp again_options_argp;
