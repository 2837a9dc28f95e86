/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"
#include "cli/again-options.h"
#include "cli/report-options.h"
#include "loader/loader.h"

/*
 * The options of "ptest run", as they were given: what was not given is 0, NULL or as noted
 */

typedef struct RunOptions {
        char **targets;
        char **patterns;
        unsigned jobs;
        uint64_t timeout_usec;     /* 0: not given */
        double timeout_multiplier; /* 1.0 */
        bool fail_fast_given;
        bool keep_failed;
        unsigned fail_fast;  /* 0: never */
        uint64_t memory_max; /* 0: not given; SIZE_INFINITY: none */
        LoadIsolation isolation;
        StuckPolicy stuck; /* STUCK_INVALID: as the suite says */
        bool recycle_after_given;
        unsigned recycle_after;    /* 0: never */
        uint64_t recycle_memory;   /* 0: not given; SIZE_INFINITY: never */
        const char *worker_set_up; /* NULL: not given */
        bool backend_auto;
        BackendKind backend; /* unless auto */
        const char *user;
        bool allow_degraded;
        bool allow_no_tests;
        AgainOptions again;
        ReportOptions reports;
        const char *state_dir;
        bool keep_runs_given;
        KeepRuns keep_runs;
        char *degraded; /* set later: the limits that are not held, in words; owned */
} RunOptions;

/*
 * Without targets only for --resume. Exits by itself for --help; returns -EINVAL for wrong use, which was told. Strings
 * are borrowed from argv.
 */
int run_options_parse(int argc, char **argv, RunOptions *ret);
void run_options_done(RunOptions *options);
