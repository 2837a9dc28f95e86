/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-series.h"

/*
 * Tests over the runs of a suite, for people and for machines; the runs are ordered by when they began
 */

typedef struct History {
        HistoryRun *runs;
        size_t n_runs;
        HistorySeries *tests;
        size_t n_tests;
} History;

/* All that is known of one test; rows: of its table of results at most, the latest first */
int history_print_test(const History *history, size_t rows);
/* A line for each of several */
int history_print_tests(const History *history);
int history_print_json(const History *history);
