/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-names.h"
#include "record/source.h"

/*
 * One run in little memory: of each test what came of it, how long it took and how much memory
 *
 * For what compares runs. The results of several runs that are read with the same names have the same numbers.
 */

typedef struct HistoryResult {
        bool present; /* the run has a result of this test */
        bool started; /* it ran, so that it has a duration */
        bool carried; /* of an earlier run, which this one resumed */
        uint8_t outcome;
        uint8_t marks;
        uint32_t attempt; /* from 1; the last one */
        uint64_t duration_usec;
        uint64_t cpu_usec;
        uint64_t memory_peak; /* SIZE_UNKNOWN */
        char *reason;         /* NULL, also if it was not asked for */
} HistoryResult;

typedef struct HistoryRun {
        sd_id128_t run_id;
        char *suite;           /* NULL: there were no records of a run */
        uint64_t started_usec; /* CLOCK_REALTIME; of its first record, if that of its start is not there */
        bool finished;         /* else it goes on, or was cut off */
        bool damaged;          /* some of its records could not be read */
        Verdict verdict; /* if it is finished */
        uint64_t duration_usec;
        uint64_t finished_usec; /* CLOCK_REALTIME; 0 if it is not finished */
        char *hostname;         /* NULL: not known; so is the next one */
        char *backend;
        char *shard;                  /* NULL: of the whole suite */
        char **patterns;              /* that its tests were chosen with; NULL: none */
        bool grows;                   /* tests could bring forth more of them */
        sd_id128_t resumes, rerun_of; /* null: none */
        sd_id128_t carried_from;      /* of the results that were carried; null: none was */
        size_t n_carried;
        Tally tally;            /* of all its tests */
        HistoryResult *results; /* by the numbers of their names; of the tests that were selected */
        size_t n_results;       /* may be less than there are names */
} HistoryRun;

typedef struct HistoryReadOptions {
        char *const *patterns; /* only tests that they select, as pattern_selects() does */
        bool reasons;          /* keep reasons of what did not pass */
        bool known_only;       /* only tests whose names are there already */
} HistoryReadOptions;

/* Reads a source to its end, and logs what was wrong in it. -ENODATA: it has no record of a run */
int history_run_read(
                Source *source,
                const HistoryReadOptions *options,
                HistoryNames *names,
                HistoryRun *ret);
void history_run_done(HistoryRun *run);

/* NULL: it has none of that test */
const HistoryResult *history_run_get(const HistoryRun *run, size_t test);

/* Part of a suite was to be run only: what has no result may not have been to be run. */
bool history_run_is_partial(const HistoryRun *run);
