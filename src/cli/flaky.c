/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest flaky: the tests of a suite that cannot be relied on
 *
 * Runs are read one after the other and forgotten; of each test a few numbers are kept, and two bytes a run.
 */

#include <argp.h>
#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "cli/flaky-print.h"
#include "cli/history-runs.h"
#include "cli/keyword.h"
#include "cli/verb.h"

#define RUNS_DEFAULT 20U
#define RUNS_MAX     1000U

typedef struct FlakyArguments {
        ReviewOptions review;
        unsigned max; /* runs */
        int error;
} FlakyArguments;

static void test_done(FlakyTest *test) {
        free(test->outcomes);
        free(test->marked);
        free(test->reason);
}

static void flaky_done(Flaky *flaky) {
        for (size_t i = 0; i < flaky->n_tests; i++)
                test_done(flaky->tests + i);
        free(flaky->tests);
        free(flaky->runs);
        free(flaky->suite);
        history_names_done(&flaky->names);
}

/* ---- Options ---- */

static const struct argp_option flaky_options[] = {
        {"runs",                                     'n', "N", 0, "Look at the latest N runs (default: 20)", 0 },
        { "keyword",
         'k', "PATTERN",
         0, "Only tests whose address matches; !PATTERN excludes; repeatable",
         0 },
        {                                        },
};

static error_t flaky_on_option(int key, char *value, struct argp_state *state) {
        FlakyArguments *arguments = state->input;

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
        case 'k':
                arguments->error = keyword_add(state, value, &arguments->review.patterns);
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp flaky_argp = {
        .options = flaky_options,
        .parser = flaky_on_option,
        .children = review_children,
        .args_doc = "[RUN]",
        .doc = "Print the tests that cannot be relied on: those that passed only when they were tried again, and those that "
               "changed between good and bad more than once, in the latest runs of a suite, up to RUN. Those that changed "
               "once were broken or fixed, and come behind.\v" REVIEW_RUN_DOC,
};

/* ---- Reading ---- */

static int flaky_make_room(Flaky *flaky, size_t n) {
        if (array_reserve(flaky->tests, flaky->n_allocated, n) < 0)
                return -ENOMEM;
        while (flaky->n_tests < n) {
                FlakyTest *test = flaky->tests + flaky->n_tests;

                *test = (FlakyTest){
                        .outcomes = calloc(flaky->max_runs, 1),
                        .marked = calloc(flaky->max_runs, sizeof(bool)),
                };
                flaky->n_tests++;
                if (!test->outcomes || !test->marked)
                        return -ENOMEM;
                /* It came with this run. */
                test->flakiness.n_added = flaky->n_runs;
        }
        return 0;
}

/* That of a run which is among those that were read counts there. */
static bool flaky_counts(const Flaky *flaky, const HistoryRun *run, const HistoryResult *result) {
        for (size_t i = 0; i < flaky->n_runs && result->carried; i++)
                if (sd_id128_equal(flaky->runs[i].run_id, run->carried_from))
                        return false;
        return true;
}

static void test_add(Flaky *flaky, FlakyTest *test, const HistoryRun *run, HistoryResult *result) {
        if (!result->present) {
                flakiness_skip(&test->flakiness);
                return;
        }
        test->outcomes[flaky->n_runs] = (uint8_t)(result->outcome + 1);
        test->marked[flaky->n_runs] = result->marks & PTEST_MARK_FLAKY;
        if (!flaky_counts(flaky, run, result)) {
                flakiness_skip(&test->flakiness);
                return;
        }
        flakiness_add(&test->flakiness, result->outcome, result->marks);
        if (outcome_is_bad(result->outcome)) {
                free(test->reason);
                test->reason = TAKE_PTR(result->reason);
        }
}

static int flaky_add_run(Flaky *flaky, HistoryRun *run) {
        int r;

        r = flaky_make_room(flaky, flaky->names.n_names);
        if (r < 0)
                return r;
        for (size_t i = 0; i < flaky->n_tests; i++) {
                HistoryResult none = {};

                test_add(flaky,
                         flaky->tests + i,
                         run,
                         i < run->n_results ? run->results + i : &none);
        }
        flaky->runs[flaky->n_runs++] = (FlakyRun){
                .run_id = run->run_id,
                .started_usec = run->started_usec,
        };
        return 0;
}

static int flaky_read(
                Flaky *flaky,
                const FlakyArguments *arguments,
                const HistoryEntries *entries,
                size_t first) {
        const HistoryReadOptions options = { .patterns = arguments->review.patterns,
                                             .reasons = true };
        _cleanup_free_ size_t *numbers = NULL;
        int r;

        r = history_select(
                        entries, first, flaky->suite, arguments->max, &numbers, &flaky->max_runs);
        if (r < 0)
                return r;
        flaky->runs = calloc(MAX(flaky->max_runs, 1U), sizeof(FlakyRun));
        if (!flaky->runs)
                return -ENOMEM;
        for (size_t i = flaky->max_runs; i-- > 0;) {
                _cleanup_(history_run_done) HistoryRun run = {};

                r = history_read_entry(
                                &arguments->review.source,
                                entries->entries + numbers[i],
                                &options,
                                &flaky->names,
                                &run);
                if (r > 0)
                        r = flaky_add_run(flaky, &run);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- Ranking ---- */

/* The worst first: flaky ones by their rate, then what was seen last. */
static int test_compare(const void *a, const void *b) {
        const FlakyTest *x = a, *y = b;
        const Flakiness *p = &x->flakiness, *q = &y->flakiness;
        double rate_x = flakiness_get_rate(p), rate_y = flakiness_get_rate(q);

        if (flakiness_is_flaky(p) != flakiness_is_flaky(q))
                return flakiness_is_flaky(p) ? -1 : 1;
        if (rate_x < rate_y || rate_x > rate_y)
                return rate_x > rate_y ? -1 : 1;
        if (p->bad != q->bad && !flakiness_is_flaky(p))
                return p->bad ? -1 : 1;
        if (p->last_seen != q->last_seen)
                return p->last_seen > q->last_seen ? -1 : 1;
        return strverscmp(x->address, y->address);
}

/* Drops those that can be relied on. */
static void flaky_rank(Flaky *flaky) {
        size_t n = 0;

        for (size_t i = 0; i < flaky->n_tests; i++) {
                FlakyTest *test = flaky->tests + i;

                test->address = flaky->names.names[i];
                if (flakiness_is_flaky(&test->flakiness) ||
                    flakiness_has_changed_once(&test->flakiness)) {
                        flaky->n_flaky += flakiness_is_flaky(&test->flakiness);
                        flaky->tests[n++] = *test;
                } else
                        test_done(test);
        }
        flaky->n_tests = n;
        if (n > 0)
                qsort(flaky->tests, n, sizeof(FlakyTest), test_compare);
}

/* ---- The verb ---- */

static int flaky_show(FlakyArguments *arguments) {
        _cleanup_(history_entries_done) HistoryEntries entries = {};
        _cleanup_(flaky_done) Flaky flaky = {};
        size_t first;
        int r;

        r = history_list_compared(&arguments->review, &entries);
        if (r >= 0)
                r = history_locate(
                                &arguments->review,
                                arguments->review.source.run,
                                &entries,
                                &first,
                                &flaky.suite);
        if (r < 0)
                return 1;
        r = flaky_read(&flaky, arguments, &entries, first);
        if (r >= 0 && flaky.n_runs == 0)
                r = -ENODATA;
        if (r >= 0 && flaky.names.n_names == 0 && arguments->review.patterns &&
            !arguments->review.json) {
                log_error("No test of %s is selected", flaky.suite);
                return 1;
        }
        if (r >= 0) {
                flaky_rank(&flaky);
                r = arguments->review.json ? flaky_print_json(&flaky) : flaky_print_text(&flaky);
        }
        if (r < 0)
                log_error_errno(r, "Failed to find flaky tests: %m");
        return r < 0;
}

int verb_flaky(int argc, char **argv) {
        FlakyArguments arguments = { .max = RUNS_DEFAULT };
        int status;

        status = review_parse(&flaky_argp, argc, argv, &arguments);
        if (status == 0)
                status = flaky_show(&arguments);
        review_options_done(&arguments.review);
        return status;
}
