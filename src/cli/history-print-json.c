/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-print.h"

#include <errno.h>
#include <stdio.h>

#include "cli/history-json.h"
#include "cli/json-value.h"

static json_t *json_from_trend(const HistorySeries *test) {
        static const char *const words[] = { "faster", "steady", "slower" };

        if (!test->has_trend)
                return json_null();
        return json_pack(
                        "{s:s, s:o, s:o}",
                        "change",
                        words[test->trend.change - CHANGE_LESS],
                        "from_usec",
                        json_from_number(test->trend.from, UINT64_MAX),
                        "to_usec",
                        json_from_number(test->trend.to, UINT64_MAX));
}

static json_t *json_from_results(const HistorySeries *test) {
        json_t *array = json_array();

        for (size_t i = 0; i < test->n_runs; i++)
                json_array_append_new(array, json_from_history_result(test->results[i]));
        return array;
}

static json_t *json_from_series(const HistorySeries *test) {
        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:o, s:o}",
                        "address",
                        json_from_text(test->address),
                        "flakiness",
                        json_from_flakiness(&test->flakiness),
                        "duration_usec",
                        json_from_spread(test->duration.n > 0 ? &test->duration : NULL),
                        "memory_peak",
                        json_from_spread(test->memory.n > 0 ? &test->memory : NULL),
                        "trend",
                        json_from_trend(test),
                        "results",
                        json_from_results(test));
}

int history_print_json(const History *history) {
        int r = 0;

        fputs("{\"runs\": [", stdout);
        for (size_t i = 0; i < history->n_runs && r >= 0; i++)
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_history_run(history->runs + i));
        fputs("\n],\n\"tests\": [", stdout);
        for (size_t i = 0; i < history->n_tests && r >= 0; i++)
                r = json_print(i > 0 ? ",\n " : "\n ", json_from_series(history->tests + i));
        fputs("\n]}\n", stdout);
        return r;
}
