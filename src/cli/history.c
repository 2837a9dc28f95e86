/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest history: how tests ended, and what they took, in one run after the other
 */

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "cli/history-print.h"
#include "cli/history-runs.h"
#include "cli/verb.h"
#include "model/address.h"
#include "model/pattern.h"

#define RUNS_DEFAULT 100U
#define RUNS_MAX     10000U
/* What is kept of a run of so many tests is half a MiB. */
#define TESTS_MAX    10000U
/* Of the table of one test's results */
#define ROWS_DEFAULT 20U

typedef struct HistoryArguments {
        ReviewOptions review;
        const char *run;
        unsigned max; /* runs */
        bool all;
        int error;
} HistoryArguments;

enum {
        OPTION_RUN = 0x100,
        OPTION_ALL,
};

static const struct argp_option history_options[] = {
        {"runs",                                      'n', "N", 0, "Look at the latest N runs (default: 100)", 0 },
        { "run",                                        OPTION_RUN, "RUN", 0, "Of this run's suite, up to this run", 0 },
        { "keyword", 'k', "PATTERN", 0, "The same as ADDRESS; !PATTERN excludes; repeatable", 0 },
        { "all",
         OPTION_ALL, NULL,
         0, "Print all results of a single test, not only the latest 20",
         0 },
        {                                         },
};

static error_t history_on_option(int key, char *value, struct argp_state *state) {
        HistoryArguments *arguments = state->input;

        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->review;
                break;
        case 'n':
                if (parse_unsigned(value, RUNS_MAX, &arguments->max) < 0 || arguments->max == 0)
                        argp_error(state,
                                   "--runs=%s is not a number from 1 to %u",
                                   value,
                                   RUNS_MAX);
                break;
        case OPTION_RUN:
                arguments->run = value;
                break;
        case OPTION_ALL:
                arguments->all = true;
                break;
        case 'k':
        case ARGP_KEY_ARG:
                if (!pattern_is_valid(value))
                        argp_error(state,
                                   "\"%s\" is neither an address nor a pattern; write a part of an address or a glob",
                                   value);
                arguments->error = strv_extend(&arguments->review.patterns, value);
                break;
        case ARGP_KEY_END:
                if (!arguments->review.patterns)
                        argp_error(state, "no address given");
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp history_argp = {
        .options = history_options,
        .parser = history_on_option,
        .children = review_children,
        .args_doc = "ADDRESS...",
        .doc = "Print how a test ended in one run of its suite after the other, how often it is bad or flaky, and how its "
               "duration went on. ADDRESS may be a part of an address or a glob; several tests get a line each.\v"
               "Without --run it is the suite that was run last of those with such a test. " REVIEW_RUN_DOC,
};

/* ---- Reading ---- */

typedef struct HistoryData {
        HistoryEntries entries;
        HistoryNames names;
        HistoryRun *runs;
        size_t n_runs;
} HistoryData;

static void data_drop_runs(HistoryData *data) {
        for (size_t i = 0; i < data->n_runs; i++)
                history_run_done(data->runs + i);
        free(TAKE_PTR(data->runs));
        data->n_runs = 0;
        history_names_done(&data->names);
}

static void data_done(HistoryData *data) {
        data_drop_runs(data);
        history_entries_done(&data->entries);
}

static int run_compare(const void *a, const void *b) {
        const HistoryRun *x = a, *y = b;

        return x->started_usec < y->started_usec ? -1 : x->started_usec > y->started_usec;
}

/* Up to max runs of a suite, from the entry on to earlier ones */
static int read_runs(
                const HistoryArguments *arguments,
                size_t first,
                const char *suite,
                size_t max,
                HistoryData *data) {
        const HistoryReadOptions options = { .patterns = arguments->review.patterns,
                                             .reasons = true };
        _cleanup_free_ size_t *numbers = NULL;
        size_t n = 0;
        int r;

        r = history_select(&data->entries, first, suite, max, &numbers, &n);
        if (r < 0)
                return r;
        data->runs = calloc(MAX(n, 1U), sizeof(HistoryRun));
        if (!data->runs)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = history_read_entry(
                                &arguments->review.source,
                                data->entries.entries + numbers[i],
                                &options,
                                &data->names,
                                data->runs + data->n_runs);
                if (r < 0)
                        return r;
                data->n_runs += (size_t)r;
                if (data->names.n_names > TESTS_MAX)
                        return -E2BIG;
        }
        if (data->n_runs > 0)
                qsort(data->runs, data->n_runs, sizeof(HistoryRun), run_compare);
        return 0;
}

/* The suite of this entry has not been looked at under a later one. */
static bool entry_is_latest(const HistoryEntries *entries, size_t i) {
        for (size_t before = 0; before < i; before++)
                if (strcmp(entries->entries[before].suite, entries->entries[i].suite) == 0)
                        return false;
        return true;
}

/* Each suite's latest run is looked at first: where a test is now, it mostly has been before. */
static int find_suite(const HistoryArguments *arguments, HistoryData *data) {
        const size_t depths[] = { 1, arguments->max };

        for (size_t d = 0; d < ELEMENTSOF(depths); d++)
                for (size_t i = 0; i < data->entries.n_entries; i++) {
                        const char *suite = data->entries.entries[i].suite;
                        int r;

                        if (!entry_is_latest(&data->entries, i))
                                continue;
                        r = read_runs(arguments, i, suite, depths[d], data);
                        if (r >= 0 && data->names.n_names > 0 && depths[d] < arguments->max) {
                                data_drop_runs(data);
                                r = read_runs(arguments, i, suite, arguments->max, data);
                        }
                        if (r < 0 || data->names.n_names > 0)
                                return r;
                        data_drop_runs(data);
                }
        return 0;
}

static int read_suite(const HistoryArguments *arguments, HistoryData *data) {
        _cleanup_free_ char *suite = NULL;
        size_t first;
        int r;

        if (!arguments->run)
                return find_suite(arguments, data);
        r = history_locate(&arguments->review, arguments->run, &data->entries, &first, &suite);
        return r < 0 ? -ENOENT : read_runs(arguments, first, suite, arguments->max, data);
}

/* ---- The verb ---- */

static void history_done(History *history) {
        for (size_t i = 0; i < history->n_tests; i++)
                history_series_done(history->tests + i);
        free(history->tests);
}

static int series_compare(const void *a, const void *b) {
        const HistorySeries *x = a, *y = b;

        return strverscmp(x->address, y->address);
}

/* A whole address means that test only, also where it is a part of others. */
static int make_history(const HistoryArguments *arguments, const HistoryData *data, History *ret) {
        _cleanup_(history_done) History history = { .runs = data->runs, .n_runs = data->n_runs };
        bool one = !arguments->review.patterns[1];
        size_t only = 0;

        one = one && history_names_find(&data->names, arguments->review.patterns[0], &only);
        history.tests = calloc(MAX(data->names.n_names, 1U), sizeof(HistorySeries));
        if (!history.tests)
                return -ENOMEM;
        for (size_t i = 0; i < data->names.n_names; i++) {
                int r;

                if (one && i != only)
                        continue;
                r = history_series_init(
                                data->runs,
                                data->n_runs,
                                &data->names,
                                i,
                                history.tests + history.n_tests);
                if (r < 0)
                        return r;
                history.n_tests++;
        }
        qsort(history.tests, history.n_tests, sizeof(HistorySeries), series_compare);
        *ret = history;
        history = (History){};
        return 0;
}

static int print_history(const HistoryArguments *arguments, const History *history) {
        if (arguments->review.json)
                return history_print_json(history);
        if (history->n_tests == 1)
                return history_print_test(history, arguments->all ? SIZE_MAX : ROWS_DEFAULT);
        return history_print_tests(history);
}

static int history_show(HistoryArguments *arguments) {
        _cleanup_(data_done) HistoryData data = {};
        _cleanup_(history_done) History history = {};
        int r;

        r = history_list_compared(&arguments->review, &data.entries);
        if (r < 0)
                return 1;
        if (data.entries.n_entries == 0) {
                _cleanup_(source_freep) Source *source = NULL;

                /* Says where it looked. */
                return review_open_run(&arguments->review, NULL, &source) < 0;
        }
        r = read_suite(arguments, &data);
        if (r == -E2BIG) {
                log_error("That selects more than %u tests; \"ptest flaky\" looks at all",
                          TESTS_MAX);
                return 1;
        }
        if (r == -ENOENT)
                return 1;
        if (r >= 0 && data.names.n_names == 0) {
                log_error("No run has a test that is selected by '%s'%s",
                          arguments->review.patterns[0],
                          arguments->review.patterns[1] ? " and the others" : "");
                return 1;
        }
        if (r >= 0)
                r = make_history(arguments, &data, &history);
        if (r >= 0)
                r = print_history(arguments, &history);
        if (r < 0)
                log_error_errno(r, "Failed to print the history: %m");
        return r < 0;
}

int verb_history(int argc, char **argv) {
        HistoryArguments arguments = { .max = RUNS_DEFAULT };
        int status;

        status = review_parse(&history_argp, argc, argv, &arguments);
        if (status == 0)
                status = history_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
