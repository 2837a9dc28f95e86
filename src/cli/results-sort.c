/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/results-sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* qsort() keeps no order among equals: the place is part of the key. */
typedef struct SortRow {
        uint64_t key;
        size_t place;
        Result *result;
} SortRow;

ResultsSort results_sort_from_string(const char *s) {
        static const char *const names[RESULTS_SORT_MAX] = {
                [RESULTS_SORT_TIME] = "time",
                [RESULTS_SORT_CPU] = "cpu",
                [RESULTS_SORT_MEMORY] = "memory",
        };

        for (int i = 0; i < RESULTS_SORT_MAX; i++)
                if (names[i] && strcmp(s, names[i]) == 0)
                        return (ResultsSort)i;
        return RESULTS_SORT_INVALID;
}

/* 0: nothing is known */
static uint64_t result_get_key(const Result *result, ResultsSort sort) {
        switch (sort) {
        case RESULTS_SORT_TIME:
                return result->duration_usec;
        case RESULTS_SORT_CPU:
                return usec_add(result->cpu_user_usec, result->cpu_system_usec);
        case RESULTS_SORT_MEMORY:
                return result->memory_peak == SIZE_UNKNOWN ? 0 : result->memory_peak;
        default:
                return 0;
        }
}

static int rows_compare(const void *a, const void *b) {
        const SortRow *x = a, *y = b;

        if (x->key != y->key)
                return x->key > y->key ? -1 : 1;
        return x->place < y->place ? -1 : x->place > y->place;
}

int results_sort(Result **rows, size_t n, ResultsSort sort) {
        _cleanup_free_ SortRow *sorted = NULL;

        if (sort == RESULTS_SORT_NONE || n == 0)
                return 0;
        sorted = calloc(n, sizeof(SortRow));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = (SortRow){
                        .key = result_get_key(rows[i], sort),
                        .place = i,
                        .result = rows[i],
                };
        qsort(sorted, n, sizeof(SortRow), rows_compare);
        for (size_t i = 0; i < n; i++)
                rows[i] = sorted[i].result;
        return 0;
}
