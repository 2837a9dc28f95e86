/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/diff-print.h"

#include <errno.h>
#include <stdio.h>

#include "cli/history-json.h"
#include "cli/json-value.h"

static json_t *json_from_kinds(unsigned kinds) {
        json_t *array = json_array();

        for (DiffKind kind = 0; kind < DIFF_KIND_MAX; kind++)
                if (kinds >> kind & 1U)
                        json_array_append_new(array, json_string(diff_kind_to_string(kind)));
        return array;
}

static json_t *json_from_kind_counts(const Diff *diff) {
        json_t *object = json_object();

        for (DiffKind kind = 0; kind < DIFF_KIND_MAX; kind++)
                json_object_set_new(
                                object,
                                diff_kind_to_string(kind),
                                json_integer((json_int_t)diff->counts[kind]));
        json_object_set_new(object, "same", json_integer((json_int_t)diff->n_same));
        json_object_set_new(object, "not_chosen", json_integer((json_int_t)diff->n_not_chosen));
        return object;
}

static json_t *json_from_test(const DiffTest *test) {
        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:o, s:o}",
                        "address",
                        json_from_text(test->address),
                        "changes",
                        json_from_kinds(test->kinds),
                        "before",
                        json_from_history_result(test->before),
                        "after",
                        json_from_history_result(test->after),
                        "usual_duration_usec",
                        json_from_spread(test->usual),
                        "usual_memory_peak",
                        json_from_spread(test->usual_memory));
}

static json_t *json_from_earlier(const HistoryRun *earlier, size_t n_earlier) {
        json_t *array = json_array();

        for (size_t i = 0; i < n_earlier; i++)
                json_array_append_new(array, json_from_id(earlier[i].run_id));
        return array;
}

/* One test at a time, so that the text of 100,000 need not be in memory. */
int diff_print_json(const Diff *diff, const HistoryRun *earlier, size_t n_earlier) {
        const char *separator = "\n ";
        int r;

        r = json_print("{\"before\": ", json_from_history_run(diff->before));
        if (r >= 0)
                r = json_print(",\n\"after\": ", json_from_history_run(diff->after));
        if (r >= 0)
                r = json_print(",\n\"earlier\": ", json_from_earlier(earlier, n_earlier));
        if (r >= 0)
                r = json_print(",\n\"worse\": ", json_boolean(diff_is_worse(diff)));
        if (r >= 0)
                r = json_print(",\n\"counts\": ", json_from_kind_counts(diff));
        if (r < 0)
                return r;
        fputs(",\n\"tests\": [", stdout);
        for (size_t i = 0; i < diff->n_tests; i++) {
                if (diff->tests[i].kinds == 0)
                        continue;
                r = json_print(separator, json_from_test(diff->tests + i));
                if (r < 0)
                        return r;
                separator = ",\n ";
        }
        fputs("\n]}\n", stdout);
        return 0;
}
