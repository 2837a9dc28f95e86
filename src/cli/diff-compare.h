/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-run.h"
#include "model/statistics.h"

/*
 * What is not the same in two runs, test by test, as ptest(1) defines it
 *
 * A test may have changed in more than one way: it is new and fails, it fails otherwise and needs more memory.
 */

/* In the order in which a person wants to know. */
typedef enum DiffKind {
        DIFF_NEWLY_FAILING,     /* bad, and was not */
        DIFF_FAILING_OTHERWISE, /* bad, in another way than before */
        DIFF_NEWLY_FLAKY,       /* marked flaky, and was not */
        DIFF_SLOWER,
        DIFF_HUNGRIER,
        DIFF_NOT_RUN,    /* not run, and was */
        DIFF_UNREPORTED, /* without a result, in a run that goes on, was cut off, or is damaged */
        DIFF_NEWLY_SKIPPED, /* skipped, and was not */
        DIFF_STILL_FAILING, /* bad, as before */
        DIFF_NEWLY_PASSING, /* passed, or failed as expected, and was bad */
        DIFF_CHANGED,       /* another outcome in another way: it was skipped, say */
        DIFF_FASTER,
        DIFF_LEANER,
        DIFF_ADDED,
        DIFF_REMOVED,
        DIFF_KIND_MAX,
} DiffKind;

/* From 10 earlier runs more than enough is known; all of them together must not take longer to read than the two. */
#define DIFF_EARLIER_DEFAULT     10U
#define DIFF_EARLIER_RESULTS_MAX 100000U

typedef struct DiffTest {
        const char *address;         /* weak: of the names */
        const HistoryResult *before; /* NULL: none; weak: of the run */
        const HistoryResult *after;
        unsigned kinds; /* a set of 1 << DiffKind */
        Spread *usual;  /* of its duration before; NULL: too little is known */
        Spread *usual_memory;
} DiffTest;

typedef struct Diff {
        const HistoryRun *before, *after; /* weak */
        DiffTest *tests;                  /* all of both, as their names are numbered */
        size_t n_tests;
        size_t counts[DIFF_KIND_MAX];
        size_t n_same;       /* without any kind */
        size_t n_not_chosen; /* which the later run was not to run */
        size_t n_earlier;    /* runs that were looked at for what is usual */
} Diff;

/* Compares the outcomes. The two runs were read with these names. */
int diff_compare(
                const HistoryRun *before,
                const HistoryRun *after,
                const HistoryNames *names,
                Diff *ret);
void diff_done(Diff *diff);

/* Whether what tests took in the one may be held against what they took in the other */
bool diff_duration_is_comparable(const HistoryRun *a, const HistoryRun *b);
bool diff_memory_is_comparable(const HistoryRun *a, const HistoryRun *b);

/* The tests that may be slower or hungrier: of these one has to know what is usual. */
int diff_find_suspects(const Diff *diff, HistoryNames *suspects);

/* Compares durations and memory of the suspects. earlier: runs before the first one, read with the suspects' names */
int diff_compare_use(
                Diff *diff,
                const HistoryNames *suspects,
                const HistoryRun *earlier,
                size_t n_earlier);

/* To be called last: counts. */
void diff_count(Diff *diff);

/*
 * The tests of a kind: those about use by how much it is, the largest first, the others by their addresses. The array,
 * of diff->counts[kind] tests, is the caller's.
 */
int diff_get_tests(const Diff *diff, DiffKind kind, const DiffTest ***ret);

/* Somebody has to look at it: a test is newly failing. */
static inline bool diff_is_worse(const Diff *diff) {
        return diff->counts[DIFF_NEWLY_FAILING] > 0;
}

/* "newly_failing" */
const char *diff_kind_to_string(DiffKind kind);
