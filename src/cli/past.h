/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/source.h"

#include <uthash.h>

/*
 * Past: what an earlier run has recorded of its tests
 *
 * A run that died while it took over the results of another one is read together with that one: of each test the
 * newest result holds.
 */

typedef struct PastTest {
        char *address;
        Outcome outcome; /* PTEST_OUTCOME_INVALID: none is recorded */
        bool finished;   /* the outcome stands: it was run, and was not to be run again */
        bool flaky;      /* good at some attempts only */
        bool told; /* the run that was read has the outcome, and not one that it goes on with */
        size_t n_found;   /* tests that it brought forth while it ran */
        size_t found_run; /* where that is recorded */
        bool seen;        /* the caller's */
        size_t run;       /* where the outcome is, or else the attempts */
        unsigned attempt; /* the last one that was recorded as an attempt; 0: none */
        size_t attempt_run;
        uint64_t duration_usec; /* USEC_INFINITY: not known */
        UT_hash_handle hh;
} PastTest;

typedef struct PastRun {
        char *name; /* to be opened with */
        sd_id128_t id;
        bool ended;
        size_t n_own; /* results of tests that ran in it */
} PastRun;

typedef struct Past {
        PastRun *runs; /* the newest first; the others are those that it goes on with, as far as they are needed */
        size_t n_runs;
        PastTest *tests;
        char *suite;
        char *command, *working_directory, *seed, *shard; /* NULL: not recorded */
        char **patterns;                                  /* that chose its tests; NULL: none did */
        sd_id128_t rerun_of;
        uint64_t last_usec; /* CLOCK_REALTIME of its last record */
        bool alive;         /* its coordinator is still at it */
        bool damaged;       /* some of its records could not be read */
        bool found_known; /* what tests have found is carried over with them; the caller\'s, before past_next() */
        Verdict verdict; /* VERDICT_INVALID: it did not come to one */
        char **contexts; /* that had a fixture that failed */

        Source *carrying; /* where past_next() is */
        size_t at;        /* the number of runs that it is through with */
        char **carried_fixtures;
} Past;

/*
 * run NULL: the latest of that suite, or with suite NULL of all. -ENOENT: there is none, *ret_problem says it in a line that the caller frees; it may
 * be NULL with other errors.
 */
int past_read(const char *state_dir,
              const char *suite,
              const char *run,
              Past *ret,
              char **ret_problem);
/* The latest run of all tests of that suite that came to its end, or the run that is named. 1; 0: there is none. Logs */
int past_read_whole(const char *state_dir, const char *suite, const char *run, Past *ret);
void past_done(Past *past);

/* NULL: nothing is recorded of it */
PastTest *past_find(const Past *past, const char *address);

/* "1a2b3c4d" */
#define PAST_ID_SIZE 9U
const char *past_get_id(const Past *past, char buffer[PAST_ID_SIZE]);

/* It came to its end, or ended where it is not known any more how. */
bool past_has_ended(const Past *past);
/* And what it has no record of was not in it. */
bool past_tells_all(const Past *past);
/* How many runs before it, and it itself, died one after the other without a result of their own. */
size_t past_count_fruitless(const Past *past);

/* Tests that others brought forth. */
size_t past_count_found(const Past *past);

/*
 * The events to carry over, with all that they have: the outcomes of finished tests with their attempts, attempts at
 * others (unless without_attempts), tear-downs that failed. 1: an event, 0: no more
 */
int past_next(Past *past, const char *state_dir, bool without_attempts, Event **ret);
