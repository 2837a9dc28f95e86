/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Check has a type Suite of its own that is only ever pointed to. As both are named struct Suite, C sees one
 * type; which function takes which is for the reader to know: suite_create() and suite_add_tcase() are Check's.
 */
#include <check.h>

#include "test-rounds.h"
#include "test-runner.h"

static Suite *make_suite(size_t n_tests) {
        Suite *suite = NULL;

        ck_assert_int_eq(suite_new("unit", &suite), 0);
        for (size_t i = 0; i < n_tests; i++) {
                _cleanup_free_ char *address = NULL;
                Test *test = NULL;

                ck_assert_int_gt(asprintf(&address, "dir/test%zu", i), 0);
                ck_assert_int_eq(test_new(address, &test), 0);
                ck_assert_int_eq(suite_add(suite, test), 0);
        }
        return suite;
}

static void add_test(Suite *suite, const char *address) {
        Test *test = NULL;

        ck_assert_int_eq(test_new(address, &test), 0);
        ck_assert_int_eq(suite_add(suite, test), 0);
}

START_TEST(suite_new_sets_no_limits)
{
        _cleanup_(suite_freep) Suite *suite = NULL;

        ck_assert_int_eq(suite_new("unit", &suite), 0);
        ck_assert_str_eq(suite->name, "unit");
        ck_assert_uint_eq(suite->n_tests, 0);
        ck_assert_uint_eq(suite->settings.workers, 0);
        ck_assert_uint_eq(suite->settings.run_timeout_usec, USEC_INFINITY);
        ck_assert_uint_eq(suite->settings.stop_usec, SUITE_STOP_DEFAULT);
        ck_assert_double_eq(suite->settings.timeout_multiplier, 1.0);
        ck_assert_uint_eq(suite->settings.worker_memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(suite->settings.worker_tasks_max, UINT64_MAX);
        ck_assert_ptr_null(suite->settings.worker_user);
        ck_assert_ptr_null(suite_free(NULL));
}
END_TEST

START_TEST(suite_add_keeps_the_order)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(1000);

        ck_assert_uint_eq(suite->n_tests, 1000);
        ck_assert_str_eq(suite->tests[0]->address, "dir/test0");
        ck_assert_str_eq(suite->tests[999]->address, "dir/test999");
}
END_TEST

/* The bound is tried with tests that are not there: a million real ones take too long under valgrind. */
START_TEST(suite_add_beyond_the_bound_frees_the_test)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(1);
        Test *test = NULL;

        suite->n_tests = SUITE_TESTS_MAX;
        ck_assert_int_eq(test_new("one too many", &test), 0);
        ck_assert_int_eq(suite_add(suite, test), -E2BIG);
        suite->n_tests = 1;
}
END_TEST

START_TEST(suite_find_duplicate_finds_the_first_pair)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(3), *empty = make_suite(0);
        const PackedTest *first = NULL, *second = NULL;

        ck_assert_int_eq(suite_find_duplicate(empty, &first, &second), 0);
        ck_assert_int_eq(suite_find_duplicate(suite, &first, &second), 0);
        ck_assert_ptr_null(first);

        add_test(suite, "x");
        add_test(suite, "dir/test2");
        add_test(suite, "dir/test0");
        add_test(suite, "x");
        ck_assert_int_eq(suite_find_duplicate(suite, &first, &second), 1);
        ck_assert_ptr_eq(first, suite->tests[2]);
        ck_assert_ptr_eq(second, suite->tests[4]);
}
END_TEST

/* Quadratic work would not end here in any sensible time: that is what is tested, by Check's timeout. */
START_TEST(suite_find_duplicate_in_many_tests)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(100000);
        const PackedTest *first = NULL, *second = NULL;

        for (unsigned round = 0; round < rounds(20); round++)
                ck_assert_int_eq(suite_find_duplicate(suite, &first, &second), 0);
        add_test(suite, "dir/test99999");
        ck_assert_int_eq(suite_find_duplicate(suite, &first, &second), 1);
        ck_assert_ptr_eq(first, suite->tests[99999]);
        ck_assert_ptr_eq(second, suite->tests[100000]);
}
END_TEST

START_TEST(suite_find_duplicate_at_every_table_size)
{
        for (size_t n = 0; n < 70; n++) {
                _cleanup_(suite_freep) Suite *suite = make_suite(n);
                const PackedTest *first = NULL, *second = NULL;

                ck_assert_int_eq(suite_find_duplicate(suite, &first, &second), 0);
        }
}
END_TEST

START_TEST(suite_rotate_and_truncate_keep_the_order)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(5);

        suite_rotate(suite, 2);
        ck_assert_str_eq(suite->tests[0]->address, "dir/test2");
        ck_assert_str_eq(suite->tests[2]->address, "dir/test4");
        ck_assert_str_eq(suite->tests[3]->address, "dir/test0");
        suite_rotate(suite, 0);
        suite_rotate(suite, 5);
        ck_assert_str_eq(suite->tests[4]->address, "dir/test1");

        suite_truncate(suite, 3);
        ck_assert_uint_eq(suite->n_tests, 3);
        suite_truncate(suite, 0);
        add_test(suite, "again");
        ck_assert_str_eq(suite->tests[0]->address, "again");
}
END_TEST

START_TEST(suite_select_drops_and_keeps_the_order)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(25);
        char *patterns[] = { (char *)"dir/test1*", (char *)"test2", (char *)"!test12", NULL };

        ck_assert_int_eq(suite_select(suite, patterns), 0);
        /* 1, 10 to 19 without 12, 2, 20 to 24 */
        ck_assert_uint_eq(suite->n_tests, 16);
        ck_assert_str_eq(suite->tests[0]->address, "dir/test1");
        ck_assert_str_eq(suite->tests[1]->address, "dir/test2");
        ck_assert_str_eq(suite->tests[2]->address, "dir/test10");
        ck_assert_str_eq(suite->tests[4]->address, "dir/test13");
        ck_assert_str_eq(suite->tests[15]->address, "dir/test24");

        /* Still a suite to add to */
        add_test(suite, "more");
        ck_assert_uint_eq(suite->n_tests, 17);
}
END_TEST

START_TEST(suite_select_all_or_none)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(10);
        char *nothing[] = { (char *)"absent", NULL };

        ck_assert_int_eq(suite_select(suite, NULL), 0);
        ck_assert_uint_eq(suite->n_tests, 10);
        ck_assert_int_eq(suite_select(suite, nothing), 0);
        ck_assert_uint_eq(suite->n_tests, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-suite");
        TCase *tcase = tcase_create("suite");

        tcase_add_test(tcase, suite_new_sets_no_limits);
        tcase_add_test(tcase, suite_add_keeps_the_order);
        tcase_add_test(tcase, suite_add_beyond_the_bound_frees_the_test);
        tcase_add_test(tcase, suite_find_duplicate_finds_the_first_pair);
        tcase_add_test(tcase, suite_find_duplicate_in_many_tests);
        tcase_add_test(tcase, suite_find_duplicate_at_every_table_size);
        tcase_add_test(tcase, suite_rotate_and_truncate_keep_the_order);
        tcase_add_test(tcase, suite_select_drops_and_keeps_the_order);
        tcase_add_test(tcase, suite_select_all_or_none);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
