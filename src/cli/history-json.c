/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-json.h"

#include "cli/json-value.h"
#include "cli/results-json.h"

json_t *json_from_spread(const Spread *spread) {
        if (!spread)
                return json_null();
        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:o}",
                        "n",
                        json_from_number(spread->n, UINT64_MAX),
                        "median",
                        json_from_number(spread->median, UINT64_MAX),
                        "mad",
                        json_from_number(spread->deviation, UINT64_MAX),
                        "least",
                        json_from_number(spread->least, UINT64_MAX),
                        "most",
                        json_from_number(spread->most, UINT64_MAX));
}

json_t *json_from_flakiness(const Flakiness *flakiness) {
        return json_pack(
                        "{s:b, s:b, s:f, s:I, s:I, s:I, s:I}",
                        "flaky",
                        flakiness_is_flaky(flakiness),
                        "changed_once",
                        flakiness_has_changed_once(flakiness),
                        "rate",
                        flakiness_get_rate(flakiness),
                        "judged",
                        (json_int_t)flakiness->n_judged,
                        "bad",
                        (json_int_t)flakiness->n_bad,
                        "marked",
                        (json_int_t)flakiness->n_marked,
                        "changes",
                        (json_int_t)flakiness->n_changes);
}

json_t *json_from_history_run(const HistoryRun *run) {
        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}",
                        "run_id",
                        json_from_id(run->run_id),
                        "suite",
                        json_from_text(run->suite),
                        "time_usec",
                        json_from_number(run->started_usec, 0),
                        "verdict",
                        json_from_text(run->finished ? verdict_to_string(run->verdict) : NULL),
                        "duration_usec",
                        json_from_number(run->duration_usec, run->finished ? UINT64_MAX : 0),
                        "hostname",
                        json_from_text(run->hostname),
                        "backend",
                        json_from_text(run->backend),
                        "resumes",
                        json_from_id(run->resumes),
                        "rerun_of",
                        json_from_id(run->rerun_of),
                        "shard",
                        json_from_text(run->shard),
                        "patterns",
                        json_from_texts(run->patterns),
                        "carried",
                        (json_int_t)run->n_carried,
                        "counts",
                        json_from_counts(&run->tally));
}

json_t *json_from_history_result(const HistoryResult *result) {
        if (!result)
                return json_null();
        return json_pack(
                        "{s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:b}",
                        "outcome",
                        outcome_to_string(result->outcome),
                        "reason",
                        json_from_text(result->reason),
                        "marks",
                        json_from_marks(result->marks),
                        "attempt",
                        (json_int_t)result->attempt,
                        "duration_usec",
                        json_from_number(
                                        result->started ? result->duration_usec : UINT64_MAX,
                                        UINT64_MAX),
                        "cpu_usec",
                        json_from_number(
                                        result->started ? result->cpu_usec : UINT64_MAX,
                                        UINT64_MAX),
                        "memory_peak",
                        json_from_number(result->memory_peak, SIZE_UNKNOWN),
                        "carried",
                        result->carried);
}
