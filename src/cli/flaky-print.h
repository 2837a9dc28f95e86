/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-names.h"
#include "model/flakiness.h"

#include <stdbool.h>

#include <systemd/sd-id128.h>

/*
 * What is known of the tests of a suite that cannot be relied on, and how it is printed
 */

typedef struct FlakyTest {
        const char *address; /* weak: of the names; set at the end */
        Flakiness flakiness;
        uint8_t *outcomes; /* one a run, with 1 added; 0: it has no result */
        bool *marked;      /* one a run: marked flaky */
        char *reason;      /* of the last one that was bad; may be NULL */
} FlakyTest;

typedef struct FlakyRun {
        sd_id128_t run_id;
        uint64_t started_usec;
} FlakyRun;

typedef struct Flaky {
        HistoryNames names;
        char *suite;
        FlakyRun *runs; /* the oldest first */
        size_t n_runs;
        size_t max_runs;
        FlakyTest *tests; /* by the numbers of their names; in the end the flaky ones, ranked */
        size_t n_tests, n_allocated;
        size_t n_flaky; /* the first of them; those behind changed once */
} Flaky;

int flaky_print_text(const Flaky *flaky);
int flaky_print_json(const Flaky *flaky);
