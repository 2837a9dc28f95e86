/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/growth.h"

#include <errno.h>
#include <string.h>

#include <utlist.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"
#include "model/pattern.h"

/* ---- Problems ---- */

static GrowthProblem *growth_find_problem(const Growth *growth, uint32_t finder) {
        GrowthProblem *problem = growth->problems;

        while (problem && problem->finder != finder)
                problem = problem->next;
        return problem;
}

static void growth_drop_problem(Growth *growth, GrowthProblem *problem) {
        DL_DELETE(growth->problems, problem);
        free(problem->text);
        free(problem);
}

/* The first of each finder is its reason. */
static void growth_note_problem(
                Growth *growth, uint32_t finder, char *const *words, const char *why) {
        _cleanup_free_ char *what = strv_join(words, " ");
        GrowthProblem *problem;

        if (growth_find_problem(growth, finder))
                return;
        problem = calloc(1, sizeof(*problem));
        if (!problem) {
                log_error("What %s found is lost: out of memory",
                          growth->suite->tests[finder]->address);
                return;
        }
        problem->finder = finder;
        (void)text_setf(&problem->text, "it found \"%.100s\", which %s", what ?: words[0], why);
        DL_APPEND(growth->problems, problem);
}

void growth_judge(Growth *growth, uint32_t test, Result *result) {
        GrowthProblem *problem = growth_find_problem(growth, test);
        const char *text;

        if (!problem)
                return;
        text = problem->text ?: "it found what cannot become a test";
        if (outcome_is_bad(result->outcome))
                (void)result_set_reason(
                                result, "%s; %s", result->reason ?: "it did not end well", text);
        else {
                result->outcome = PTEST_OUTCOME_ERROR;
                (void)result_set_reason(result, "%s", text);
        }
        growth_drop_problem(growth, problem);
}

void growth_done(Growth *growth) {
        while (growth->problems)
                growth_drop_problem(growth, growth->problems);
        address_table_done(&growth->addresses);
        *growth = (Growth){};
}

/* ---- From words to a test ---- */

/* The one with this name in the module of the finder, as its template says. -ENOENT: it has none */
static int growth_make_of_module(
                const Growth *growth, const Test *finder, const char *name, Test **ret) {
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *address = NULL;
        const char *own = strv_length(finder->argv) > 1 ? finder->argv[1] : "";
        const PackedTest *template;
        int r;

        if (!text_ends_with(finder->address, own))
                return -ENOENT;
        r = text_setf(&address,
                      "%.*s%s",
                      (int)(strlen(finder->address) - strlen(own)),
                      finder->address,
                      name);
        if (r < 0)
                return r;
        template = suite_find_template(growth->suite, address);
        if (!template)
                return -ENOENT;
        r = packed_test_unpack(template, &test);
        if (r < 0)
                return r;
        if (strv_length(test->argv) < 2)
                return -ENOENT;
        r = text_setf(&test->argv[1], "%s", name);
        if (r >= 0)
                r = text_setf(&test->address, "%s", address);
        if (r >= 0)
                *ret = TAKE_PTR(test);
        return r;
}

static int test_set_found_argv(Test *test, char *const *words) {
        _cleanup_strv_ char **argv = strv_copy(test->found_argv);
        int r;

        if (!argv)
                return -ENOMEM;
        r = strv_extend_strv(&argv, words);
        if (r < 0)
                return r;
        strv_free(test->argv);
        test->argv = TAKE_PTR(argv);
        return 0;
}

/* "FINDER::CASE[ARG ARG]", like the finder in all else. -ENOEXEC: there is no command for it */
static int growth_make_of_program(
                const Growth *growth, uint32_t finder, char *const *words, Test **ret) {
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *arguments = strv_join(words + 1, " ");
        const char *address = growth->suite->tests[finder]->address;
        int r;

        if (!arguments)
                return -ENOMEM;
        if (!words[0][0])
                return -EINVAL;
        r = packed_test_unpack(growth->suite->tests[finder], &test);
        if (r < 0)
                return r;
        if (!test->found_argv)
                return -ENOEXEC;
        if (words[1])
                r = text_setf(&test->address, "%s::%s[%s]", address, words[0], arguments);
        else
                r = text_setf(&test->address, "%s::%s", address, words[0]);
        if (r >= 0)
                r = test_set_found_argv(test, words);
        free(TAKE_PTR(test->description)); /* is the finder's */
        if (r >= 0)
                *ret = TAKE_PTR(test);
        return r;
}

static int growth_make(
                const Growth *growth,
                uint32_t number,
                const Test *finder,
                char *const *words,
                Test **ret) {
        if (finder->protocol != TEST_PROTOCOL_MODULE)
                return growth_make_of_program(growth, number, words, ret);
        return words[1] ? -EINVAL : growth_make_of_module(growth, finder, words[0], ret);
}

/* ---- Into the suite ---- */

static int growth_prepare(Growth *growth) {
        const Suite *suite = growth->suite;
        uint32_t ignored;
        int r;

        if (growth->addresses.places)
                return 0;
        r = address_table_init(&growth->addresses, suite->n_tests * 2);
        for (size_t i = 0; r >= 0 && i < suite->n_tests; i++)
                r = address_table_add(&growth->addresses, suite, (uint32_t)i, &ignored);
        if (r < 0)
                address_table_done(&growth->addresses);
        return MIN(r, 0);
}

/* Takes the test. 1: there is one with its address, or it is excluded. On failure nothing has changed. */
static int growth_take(Growth *growth, Test *test) {
        _cleanup_(test_freep) Test *owned = test;
        Suite *suite = growth->suite;
        uint32_t ignored;
        size_t n = suite->n_tests;
        int r;

        if (!address_is_valid(owned->address))
                return -EINVAL;
        if (address_table_contains(&growth->addresses, suite, owned->address))
                return 1;
        /* Nobody wants it: whoever runs a finder wants what it finds, but for what was said not to be run. */
        if (suite->excluded && !pattern_selects(suite->excluded, owned->address))
                return 1;
        r = address_table_reserve(&growth->addresses, suite, n + 1);
        if (r >= 0)
                r = plan_reserve(growth->plan, n + 1);
        if (r >= 0)
                r = suite_add(suite, TAKE_PTR(owned));
        if (r < 0)
                return r;
        r = schedule_add(growth->schedule);
        if (r < 0) {
                suite_truncate(suite, n);
                return r;
        }
        plan_add(growth->plan);
        (void)address_table_add(&growth->addresses, suite, (uint32_t)n, &ignored);
        return 0;
}

static const char *growth_explain(int error) {
        switch (error) {
        case -ENOENT:
                return "is none of its module's templates";
        case -EINVAL:
                return "makes no valid address";
        case -ENOEXEC:
                return "there is no FoundExec= to run with";
        case -E2BIG:
                return "is more than a suite may have";
        default:
                return "did not fit into memory";
        }
}

static void growth_add_one(
                Growth *growth, uint32_t number, const Test *finder, char *const *words) {
        Test *test = NULL;
        int r;

        r = growth_make(growth, number, finder, words, &test);
        if (r >= 0)
                r = growth_take(growth, test);
        if (r < 0) {
                growth_note_problem(growth, number, words, growth_explain(r));
                return;
        }
        growth->n_found += r == 0;
        growth->n_duplicates += r > 0;
}

void growth_add(Growth *growth, uint32_t finder, char **const *items, size_t n_items) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        if (finder != growth->finder)
                growth_tell(growth);
        growth->finder = finder;
        r = growth_prepare(growth);
        if (r >= 0)
                r = packed_test_unpack(growth->suite->tests[finder], &test);
        if (r < 0) {
                growth_note_problem(growth, finder, items[0], growth_explain(r));
                return;
        }
        for (size_t i = 0; i < n_items; i++)
                growth_add_one(growth, finder, test, items[i]);
}

void growth_tell(Growth *growth) {
        if (growth->n_found + growth->n_duplicates == 0)
                return;
        event_log_found(growth->log,
                        growth->suite->tests[growth->finder]->address,
                        growth->n_found,
                        growth->n_duplicates);
        growth->n_found = growth->n_duplicates = 0;
}
