/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-run.h"
#include "model/flakiness.h"
#include "model/statistics.h"

/*
 * One test over several runs, the oldest first
 */

typedef struct HistorySeries {
        const char *address;           /* weak: of the names */
        const HistoryResult **results; /* one a run; NULL: it has none; weak: of the runs */
        size_t n_runs;
        Flakiness flakiness;     /* of the results that are counted */
        Tally tally;             /* of these, too */
        Spread duration, memory; /* of those that passed; n is 0: none did */
        bool has_trend;
        Trend trend; /* of the durations */
} HistorySeries;

/*
 * The runs are ordered by when they began, and read with the same names. A result that a run took over from another one
 * of them is not counted twice.
 */
int history_series_init(
                const HistoryRun *runs,
                size_t n_runs,
                const HistoryNames *names,
                size_t test,
                HistorySeries *ret);
void history_series_done(HistorySeries *series);

/* Whether a run's result counts: it is its own, or that of a run that is not among these. */
bool history_result_counts(
                const HistoryRun *runs, size_t n_runs, size_t run, const HistoryResult *result);
