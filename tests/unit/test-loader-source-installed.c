/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader/loader.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "loader/problems.h"
#include "test-runner.h"

static const LoadOptions plain = { .timeout_multiplier = 1.0 };

static Suite *load_data(const char *relative) {
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_free_ char *path = NULL;
        Suite *suite = NULL;

        ck_assert_int_ge(asprintf(&path, "%s/loader/%s", getenv("PTEST_TEST_DATA"), relative), 0);
        int r = loader_load(path, &plain, &suite, &problems);
        ck_assert_msg(r == 0, "%s: %s", path, problems.lines ? problems.lines[0] : "?");
        return suite;
}

static Test *unpack(const Suite *suite, size_t i) {
        Test *test = NULL;

        ck_assert_uint_lt(i, suite->n_tests);
        ck_assert_int_eq(packed_test_unpack(suite->tests[i], &test), 0);
        return test;
}

static Test *find_test(const Suite *suite, const char *address) {
        for (size_t i = 0; i < suite->n_tests; i++)
                if (strcmp(suite->tests[i]->address, address) == 0)
                        return unpack(suite, i);
        ck_abort_msg("no test %s", address);
        return NULL;
}

START_TEST(installed_tree_is_recognised_above_and_in_the_package)
{
        _cleanup_(suite_freep) Suite *above = load_data("installed"),
                                     *in = load_data("installed/pkg/");

        ck_assert_str_eq(above->name, "installed");
        ck_assert_str_eq(in->name, "pkg");
        ck_assert_uint_eq(above->n_tests, 4);
        ck_assert_uint_eq(in->n_tests, 4);
        ck_assert_str_eq(above->tests[0]->address, "pkg/broken");
        ck_assert_str_eq(in->tests[0]->address, "broken");
}
END_TEST

START_TEST(installed_exclusive_runs_alone_and_is_judged_by_exit_status)
{
        _cleanup_(suite_freep) Suite *suite = load_data("installed");
        _cleanup_(test_freep) Test *test = find_test(suite, "pkg/exclusive");

        ck_assert_ptr_null(test->load_error);
        ck_assert(test->exclusive);
        ck_assert_int_eq(test->protocol, TEST_PROTOCOL_EXIT);
        ck_assert_uint_eq(test->timeout_usec, 300 * USEC_PER_SEC);
        ck_assert_uint_eq(test->n_env, 2);
        ck_assert_str_eq(test->env[0].name, "A");
        ck_assert_str_eq(test->env[1].value, "x;y");

        _cleanup_(test_freep) Test *other = find_test(suite, "pkg/quoted");
        ck_assert(!other->exclusive);
}
END_TEST

START_TEST(installed_exec_is_split_as_a_shell_does)
{
        _cleanup_(suite_freep) Suite *suite = load_data("installed");
        _cleanup_(test_freep) Test *test = find_test(suite, "pkg/quoted");

        ck_assert_ptr_null(test->load_error);
        ck_assert_uint_eq(strv_length(test->argv), 4);
        ck_assert_str_eq(test->argv[2], "a 'b' \"c\" $d");
        ck_assert_str_eq(test->argv[3], "e f");
        ck_assert_str_eq(test->description, "words as a shell splits them");
}
END_TEST

START_TEST(directory_lists_what_can_be_executed)
{
        _cleanup_(suite_freep) Suite *suite = load_data("bin");

        ck_assert_uint_eq(suite->n_tests, 2);
        ck_assert_str_eq(suite->tests[0]->address, "below/deep");
        ck_assert_str_eq(suite->tests[1]->address, "good");

        _cleanup_(test_freep) Test *good = unpack(suite, 1);
        ck_assert_int_eq(good->argv[0][0], '/');
        ck_assert_str_eq(good->argv[0], good->source);
}
END_TEST

START_TEST(directory_empty_or_in_circles_ends)
{
        char directory[] = "/tmp/ptest-loader-XXXXXX";
        _cleanup_free_ char *link = NULL, *odd = NULL, *other = NULL;
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_(suite_freep) Suite *empty = NULL, *suite = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(loader_load(directory, &plain, &empty, &problems), 0);
        ck_assert_uint_eq(empty->n_tests, 0);

        ck_assert_int_ge(asprintf(&link, "%s/circle", directory), 0);
        ck_assert_int_ge(asprintf(&odd, "%s/a\nb", directory), 0);
        ck_assert_int_ge(asprintf(&other, "%s/a_b", directory), 0);
        ck_assert_int_eq(symlink(".", link), 0);
        ck_assert_int_eq(symlink("/bin/sh", odd), 0);
        ck_assert_int_eq(symlink("/bin/sh", other), 0);
        ck_assert_int_eq(loader_load(directory, &plain, &suite, &problems), 0);
        ck_assert_uint_eq(suite->n_tests, 2);
        ck_assert_str_eq(suite->tests[0]->address, "a_b");
        ck_assert_str_eq(suite->tests[1]->address, "a_b#2");
        ck_assert_int_eq(dir_remove(directory), 0);
}
END_TEST

START_TEST(target_that_is_no_suite_is_refused)
{
        static const char *const targets[] = {
                "", "/no/such/path", "/etc/passwd", "/dev/null", "no-such-name"
        };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                _cleanup_problems_ LoadProblems problems = {};
                Suite *suite = NULL;

                ck_assert_int_lt(loader_load(targets[i], &plain, &suite, &problems), 0);
                ck_assert_ptr_null(suite);
                ck_assert_uint_eq(problems_count(&problems), 1);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("loader-source-installed");
        TCase *tcase = tcase_create("core");

        tcase_add_test(tcase, installed_tree_is_recognised_above_and_in_the_package);
        tcase_add_test(tcase, installed_exclusive_runs_alone_and_is_judged_by_exit_status);
        tcase_add_test(tcase, installed_exec_is_split_as_a_shell_does);
        tcase_add_test(tcase, directory_lists_what_can_be_executed);
        tcase_add_test(tcase, directory_empty_or_in_circles_ends);
        tcase_add_test(tcase, target_that_is_no_suite_is_refused);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
