/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/run-rerun.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/run-part.h"
#include "model/pattern.h"

/* More are counted. */
#define NAMES_MAX 10U

char *run_rerun_list_names(char *const *addresses) {
        _cleanup_free_ char *list = NULL;
        size_t n = strv_length(addresses);

        for (size_t i = 0; i < n && i < NAMES_MAX; i++) {
                _cleanup_free_ char *safe = text_escape(addresses[i], strlen(addresses[i]));
                _cleanup_free_ char *before = TAKE_PTR(list);

                if (!safe || text_setf(&list, "%s%s%s", before ?: "", before ? ", " : "", safe) < 0)
                        return NULL;
        }
        if (n > NAMES_MAX) {
                _cleanup_free_ char *before = TAKE_PTR(list);

                if (text_setf(&list, "%s and %zu more", before, n - NAMES_MAX) < 0)
                        return NULL;
        }
        return TAKE_PTR(list);
}

/* ---- Which ---- */

static bool context_is_broken(const Past *past, const Suite *suite, uint32_t context) {
        for (uint32_t at = context; past->contexts && at != CONTEXT_NONE;
             at = suite->contexts[at - 1]->parent)
                if (strv_contains(past->contexts, suite->contexts[at - 1]->name))
                        return true;
        return false;
}

/* By its record alone, which may be none (NULL). */
static bool record_is_wanted(const Past *past, RerunWhat what, const PastTest *test, bool inside) {
        const bool recorded = test && test->outcome != PTEST_OUTCOME_INVALID;

        /* A run that came to its end has told all that it was to run: others were not in it. */
        if (!recorded)
                return what != RERUN_FAILED && (test || (inside && !past_tells_all(past)));
        switch (what) {
        case RERUN_FAILED:
                return outcome_is_bad(test->outcome);
        case RERUN_NOT_PASSED:
                return test->outcome != PTEST_OUTCOME_PASS && test->outcome != PTEST_OUTCOME_XFAIL;
        default:
                return test->outcome == PTEST_OUTCOME_NOT_RUN || !test->finished;
        }
}

bool run_rerun_wants(
                const Past *past,
                RerunWhat what,
                const Suite *suite,
                const PackedTest *test,
                bool inside) {
        const PastTest *recorded = past_find(past, test->address);

        if (what != RERUN_OUTSTANDING && (recorded || inside) &&
            context_is_broken(past, suite, test->traits->context))
                return true;
        /* The run has failed for it. */
        if (what != RERUN_OUTSTANDING && recorded && recorded->flaky &&
            test->traits->limits.flaky == FLAKY_FAIL)
                return true;
        return record_is_wanted(past, what, recorded, inside);
}

/* Those that are wanted and that the suite does not have, whatever the patterns leave out of it. */
static int past_list_vanished(
                const Past *past, RerunWhat what, char *const *patterns, char ***ret) {
        for (const PastTest *test = past->tests; test; test = test->hh.next)
                if (!test->seen && record_is_wanted(past, what, test, false) &&
                    pattern_selects(patterns, test->address)) {
                        int r = strv_extend(ret, test->address);

                        if (r < 0)
                                return r;
                }
        return 0;
}

/* What the suite has not by itself is found by others, which are run for that. */
static void past_want_finders(Past *past, const Suite *suite, bool *wanted) {
        for (size_t i = 0; i < suite->n_tests; i++) {
                const PastTest *test = past_find(past, suite->tests[i]->address);

                wanted[i] |= test && test->n_found > 0;
        }
}

/* It died before all that was found had its outcome. */
static bool past_lacks_found(const Past *past, RerunWhat what) {
        size_t n = 0;

        for (const PastTest *test = past->tests; test; test = test->hh.next)
                n += !test->seen;
        return what != RERUN_FAILED && !past_tells_all(past) && n < past_count_found(past);
}

static size_t suite_keep_wanted(Suite *suite, const bool *wanted) {
        size_t n = 0;

        for (size_t i = 0; i < suite->n_tests; i++)
                if (wanted[i])
                        suite->tests[n++] = suite->tests[i];
        suite_truncate(suite, n);
        return n;
}

/* ---- */

static int rerun_read(RunAgain *again, const RunOptions *options, const Suite *suite, Past *ret) {
        _cleanup_free_ char *problem = NULL;
        const char *run = again->rerun_run ?: options->again.rerun_run;
        char id[SD_ID128_STRING_MAX];
        int r;

        /* What is gone on with was itself of the tests of another run. */
        if (!run && !sd_id128_is_null(again->resumed.rerun_of))
                run = sd_id128_to_string(again->resumed.rerun_of, id);
        r = past_read(options->state_dir, suite->name, run, ret, &problem);
        if (r < 0)
                return log_error_errno(
                                r, "Cannot tell what to run again: %s", problem ?: strerror(-r));
        if (ret->alive) {
                log_error("Run %s of %s has not come to its end yet",
                          past_get_id(ret, (char[PAST_ID_SIZE]){}),
                          ret->suite);
                return -EBUSY;
        }
        if (strcmp(ret->suite, suite->name) != 0) {
                log_error("Run %s is one of %s and not of %s",
                          past_get_id(ret, (char[PAST_ID_SIZE]){}),
                          ret->suite,
                          suite->name);
                return -EINVAL;
        }
        again->rerun_of = ret->runs[0].id;
        return text_setf(&again->rerun_run, "%s", sd_id128_to_string(again->rerun_of, id));
}

static const char *rerun_describe_nothing(RerunWhat what) {
        switch (what) {
        case RERUN_FAILED:
                return "failed";
        case RERUN_NOT_PASSED:
                return "did not pass";
        default:
                return "was left to be run";
        }
}

/* Nothing that was wrong is a good thing; that it cannot be looked for any more is none. */
static int rerun_tell_nothing(const Past *past, RerunWhat what, bool vanished) {
        char id[PAST_ID_SIZE];

        if (vanished) {
                log_error("None of the tests to be run again is there");
                return verdict_to_exit_status(VERDICT_NOTHING_TO_RUN);
        }
        printf("Nothing to run again: no test of run %s of %s %s\n",
               past_get_id(past, id),
               past->suite,
               rerun_describe_nothing(what));
        return verdict_to_exit_status(VERDICT_PASSED);
}

static int rerun_mark(
                Past *past,
                const RunOptions *options,
                const Suite *suite,
                bool *wanted,
                char ***ret) {
        RerunWhat what = options->again.rerun;
        int r;

        memset(wanted, true, suite->n_tests);
        r = past_mark_part(past, options->state_dir, suite, wanted);
        if (r < 0)
                return r;
        for (size_t i = 0; i < suite->n_tests; i++) {
                PastTest *test = past_find(past, suite->tests[i]->address);

                wanted[i] = run_rerun_wants(past, what, suite, suite->tests[i], wanted[i]);
                if (test)
                        test->seen = true;
        }
        r = past_list_vanished(past, what, options->patterns, ret);
        if (r < 0)
                return log_error_errno(r, "Failed to find out what to run again: %m");
        if (past_count_found(past) > 0 && (*ret || past_lacks_found(past, what))) {
                past_want_finders(past, suite, wanted);
                *ret = strv_free(*ret);
        }
        return 0;
}

int run_rerun_select(RunAgain *again, const RunOptions *options, Suite *suite, int *ret_status) {
        _cleanup_(past_done) Past past = {};
        _cleanup_free_ bool *wanted = calloc(MAX(suite->n_tests, 1U), sizeof(bool));
        _cleanup_strv_ char **vanished = NULL;
        int r;

        if (!wanted)
                return log_error_errno(-ENOMEM, "Failed to find out what to run again: %m");
        r = rerun_read(again, options, suite, &past);
        if (r >= 0)
                r = rerun_mark(&past, options, suite, wanted, &vanished);
        if (r < 0)
                return r;
        if (vanished) {
                _cleanup_free_ char *names = run_rerun_list_names(vanished);

                log_warning("Not there any more: %s",
                            names ?: "(not enough memory for their names)");
        }
        if (suite_keep_wanted(suite, wanted) > 0)
                return 0;
        *ret_status = rerun_tell_nothing(&past, options->again.rerun, vanished);
        return 1;
}
