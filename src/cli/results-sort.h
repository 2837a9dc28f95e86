/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"

/*
 * The order of a table of results
 */

typedef enum ResultsSort {
        RESULTS_SORT_NONE, /* as they came */
        RESULTS_SORT_TIME,
        RESULTS_SORT_CPU,
        RESULTS_SORT_MEMORY,
        RESULTS_SORT_MAX,
        RESULTS_SORT_INVALID = -22, /* -EINVAL */
} ResultsSort;

/* "time", "cpu", "memory" */
ResultsSort results_sort_from_string(const char *s);

/* The largest first; where nothing is known last; equal ones stay in their order. -ENOMEM */
int results_sort(Result **rows, size_t n, ResultsSort sort);
