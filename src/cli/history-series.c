/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-series.h"

#include <errno.h>

void history_series_done(HistorySeries *series) {
        free(series->results);
        *series = (HistorySeries){};
}

bool history_result_counts(
                const HistoryRun *runs, size_t n_runs, size_t run, const HistoryResult *result) {
        if (!result->carried)
                return true;
        for (size_t i = 0; i < n_runs; i++)
                if (i != run && sd_id128_equal(runs[i].run_id, runs[run].carried_from))
                        return false;
        return true;
}

static bool outcome_is_measure(Outcome outcome) {
        return outcome == PTEST_OUTCOME_PASS || outcome == PTEST_OUTCOME_XFAIL;
}

/* Uses the values up. */
static void series_measure(
                HistorySeries *series,
                uint64_t *durations,
                size_t n,
                uint64_t *memory,
                size_t n_memory) {
        if (n >= TREND_MIN) {
                series->trend = statistics_get_trend(&NOISE_RULE_DURATION, durations, n);
                series->has_trend = true;
        }
        if (n > 0)
                series->duration = statistics_get_spread(durations, n);
        if (n_memory > 0)
                series->memory = statistics_get_spread(memory, n_memory);
}

int history_series_init(
                const HistoryRun *runs,
                size_t n_runs,
                const HistoryNames *names,
                size_t test,
                HistorySeries *ret) {
        _cleanup_(history_series_done) HistorySeries series = {
                .address = names->names[test],
                .n_runs = n_runs,
        };
        _cleanup_free_ uint64_t *durations = calloc(n_runs + 1, sizeof(uint64_t));
        _cleanup_free_ uint64_t *memory = calloc(n_runs + 1, sizeof(uint64_t));
        size_t n = 0, n_memory = 0;

        series.results = calloc(n_runs + 1, sizeof(HistoryResult *));
        if (!series.results || !durations || !memory)
                return -ENOMEM;
        for (size_t i = 0; i < n_runs; i++) {
                const HistoryResult *result = history_run_get(runs + i, test);

                series.results[i] = result;
                if (!result || !history_result_counts(runs, n_runs, i, result)) {
                        flakiness_skip(&series.flakiness);
                        continue;
                }
                flakiness_add(&series.flakiness, result->outcome, result->marks);
                tally_add(&series.tally, result->outcome, result->marks);
                if (!result->started || !outcome_is_measure(result->outcome))
                        continue;
                durations[n++] = result->duration_usec;
                if (result->memory_peak != SIZE_UNKNOWN)
                        memory[n_memory++] = result->memory_peak;
        }
        series_measure(&series, durations, n, memory, n_memory);
        *ret = series;
        series = (HistorySeries){};
        return 0;
}
