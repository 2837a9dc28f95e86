/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/run-resume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/run-rerun.h"
#include "model/pattern.h"
#include "model/tally.h"

/* ---- Which run ---- */

static bool past_has_outstanding(const Past *past) {
        for (const PastTest *test = past->tests; test; test = test->hh.next)
                if (!test->finished)
                        return true;
        return false;
}

/* Also one that came to its end: tests may have been left, or their results lost. */
static bool past_is_complete(const Past *past) {
        return past_tells_all(past) && !past_has_outstanding(past);
}

/* As the run itself has exited: a loop around it comes to its end. */
static int resume_tell_complete(const Past *past) {
        char id[PAST_ID_SIZE];

        printf("Nothing to go on with: run %s of %s has all its tests, and is %s\n",
               past_get_id(past, id),
               past->suite,
               verdict_to_string(past->verdict));
        return verdict_to_exit_status(past->verdict);
}

/* Only a run that died is gone on with; whoever stopped one meant it. */
static int resume_find_auto(
                const RunOptions *options, const Suite *suite, Past *past, int *ret_status) {
        _cleanup_free_ char *problem = NULL;
        char id[PAST_ID_SIZE];
        int r;

        r = past_read(options->state_dir, suite->name, NULL, past, &problem);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_error_errno(r, "Cannot read the last run: %s", problem ?: strerror(-r));
        if (strcmp(past->suite, suite->name) != 0 || past_has_ended(past) || past->alive) {
                past_done(past);
                return 0;
        }
        if (past_count_fruitless(past) >= RESUME_FRUITLESS_MAX &&
            usec_add(past->last_usec, RESUME_FRUITLESS_USEC) > clock_realtime()) {
                log_error("The last %zu runs of %s died without a result, the last one is %s: not begun again",
                          past_count_fruitless(past),
                          past->suite,
                          past_get_id(past, id));
                *ret_status = verdict_to_exit_status(VERDICT_MACHINERY_FAILED);
                return 1;
        }
        return 0;
}

/* Whoever names the suite and not the part has all of it run, and may not have meant it. */
static void resume_tell_part(const Past *past, const RunOptions *options) {
        _cleanup_free_ char *patterns = past->patterns && !options->patterns ?
                        patterns_describe(past->patterns) :
                        NULL;
        const char *shard = options->again.n_shards == 0 ? past->shard : NULL;
        bool rerun = options->again.rerun == RERUN_NOTHING && !sd_id128_is_null(past->rerun_of);
        char id[PAST_ID_SIZE];

        if (!patterns && !shard && !rerun)
                return;
        log_warning("Run %s was of a part of %s only (%s%s%s%s%s), and now all of it is run; --resume without the suite goes on with that part",
                    past_get_id(past, id),
                    past->suite,
                    patterns ?: "",
                    patterns && (shard || rerun) ? ", " : "",
                    shard ? "--shard " : "",
                    shard ?: "",
                    rerun ? (shard ? ", --rerun" : "--rerun") : "");
}

static int resume_find_run(
                const RunOptions *options, const Suite *suite, Past *past, int *ret_status) {
        _cleanup_free_ char *problem = NULL;
        char id[PAST_ID_SIZE];
        int r;

        r = past_read(options->state_dir, suite->name, options->again.resume_run, past, &problem);
        if (r < 0)
                return log_error_errno(r, "Cannot go on with a run: %s", problem ?: strerror(-r));
        if (strcmp(past->suite, suite->name) != 0) {
                log_error("Run %s is one of %s and not of %s",
                          past_get_id(past, id),
                          past->suite,
                          suite->name);
                return -EINVAL;
        }
        if (past->alive) {
                log_error("Run %s of %s is still going on", past_get_id(past, id), past->suite);
                return -EBUSY;
        }
        if (!past_is_complete(past)) {
                resume_tell_part(past, options);
                return 0;
        }
        *ret_status = resume_tell_complete(past);
        return 1;
}

int run_resume_find(Past *ret, const RunOptions *options, const Suite *suite, int *ret_status) {
        return options->again.resume == RESUME_AUTO ?
                        resume_find_auto(options, suite, ret, ret_status) :
                        resume_find_run(options, suite, ret, ret_status);
}

/* ---- Which tests ---- */

static void past_see(Past *past, const Suite *suite) {
        for (PastTest *test = past->tests; test; test = test->hh.next)
                test->seen = false;
        for (size_t i = 0; i < suite->n_tests; i++) {
                PastTest *test = past_find(past, suite->tests[i]->address);

                if (test)
                        test->seen = true;
        }
}

int run_resume_tell_vanished(Past *past, const RunOptions *options, const Suite *suite) {
        _cleanup_strv_ char **vanished = NULL;
        _cleanup_free_ char *names = NULL;
        int r = 0;

        /* With tests that find others nobody knows which ones are only not found yet. */
        if (past_count_found(past) > 0)
                return 0;
        past_see(past, suite);
        for (const PastTest *test = past->tests; test && r >= 0; test = test->hh.next)
                if (!test->seen && pattern_selects(options->patterns, test->address))
                        r = strv_extend(&vanished, test->address);
        if (r < 0)
                return log_error_errno(r, "Failed to find out what to go on with: %m");
        if (!vanished)
                return 0;
        names = run_rerun_list_names(vanished);
        log_warning("Not there any more: %s", names ?: "(not enough memory for their names)");
        return 0;
}

static bool test_has_found(const PackedTest *test, const char *address) {
        return text_starts_with(address, test->address) &&
                        text_starts_with(address + strlen(test->address), "::");
}

/*
 * What a test that was found is like: its template, or the program that found it. NULL: that is not there any more. last: what
 * the one before it is like, as they come one after the other; n: tests that the suite has by itself
 */
static const PackedTest *suite_find_model(
                const Suite *suite, size_t n, const char *address, const PackedTest *last) {
        const PackedTest *model = suite_find_template(suite, address);

        if (model || (last && test_has_found(last, address)))
                return model ?: last;
        for (size_t i = 0; i < n; i++)
                if (suite->tests[i]->traits->finds && test_has_found(suite->tests[i], address))
                        return suite->tests[i];
        return NULL;
}

/* Tests that were found, and have their outcome. They are not run: their address is needed, and what that outcome means. */
static int past_add_found(const Past *past, Suite *suite) {
        const PackedTest *model = NULL;
        size_t n = suite->n_tests;

        for (const PastTest *old = past->tests; old; old = old->hh.next) {
                Test *test = NULL;
                int r;

                if (old->seen || !old->finished)
                        continue;
                model = suite_find_model(suite, n, old->address, model);
                r = test_new(old->address, &test);
                if (r < 0)
                        return r;
                if (model)
                        test->limits = model->traits->limits;
                r = suite_add(suite, test);
                if (r < 0)
                        return r;
        }
        return 0;
}

static size_t past_count_unseen(const Past *past) {
        size_t n = 0;

        for (const PastTest *test = past->tests; test; test = test->hh.next)
                n += !test->seen && test->finished;
        return n;
}

int run_resume_match(Past *past, Suite *suite) {
        size_t found = past_count_found(past);
        int r = 0;

        past_see(past, suite);
        past->found_known = found > 0 && past_count_unseen(past) >= found;
        if (past->found_known)
                r = past_add_found(past, suite);
        if (r < 0)
                return log_error_errno(r, "Failed to take over tests that were found: %m");
        for (PastTest *test = past->tests; test; test = test->hh.next)
                if (found == 0 && !test->seen) {
                        /* It is not in this suite. */
                        test->finished = false;
                        test->attempt_run = SIZE_MAX;
                } else if (!past->found_known && test->n_found > 0) {
                        /* Its outcome comes with what it finds. */
                        test->finished = false;
                        test->attempt_run = SIZE_MAX;
                }
        return 0;
}
