/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <check.h>

#include "basic/strv.h"
#include "test-runner.h"

START_TEST(test_new_has_the_defaults)
{
        _cleanup_(test_freep) Test *test = NULL;
        char address[] = "a::b";

        ck_assert_int_eq(test_new(address, &test), 0);
        address[0] = 'x';
        ck_assert_str_eq(test->address, "a::b");
        ck_assert_int_eq(test->protocol, TEST_PROTOCOL_EXIT);
        ck_assert_uint_eq(test->timeout_usec, TEST_TIMEOUT_DEFAULT);
        ck_assert_uint_eq(test->grace_usec, TEST_GRACE_DEFAULT);
        ck_assert_int_eq(test->timeout_signal, SIGINT);
        ck_assert_uint_eq(test->output_max, 1024 * 1024);
        ck_assert_uint_eq(test->limits.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(test->limits.leak_grace_usec, 200 * USEC_PER_MSEC);
        ck_assert_ptr_null(test->argv);
        ck_assert(!test->exclusive);
        ck_assert(!test->should_fail);
}
END_TEST

START_TEST(test_free_takes_all_that_it_owns)
{
        Test *test = NULL;

        ck_assert_ptr_null(test_free(NULL));
        ck_assert_int_eq(test_new("a", &test), 0);
        ck_assert_int_eq(strv_extend(&test->argv, "/bin/true"), 0);
        ck_assert_int_eq(strv_extend(&test->tags, "fast"), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_APPEND, "A", "1", ";"), 0);
        test->workdir = strdup("/");
        test->description = strdup("d");
        test->source = strdup("s");
        test->load_error = strdup("e");
        ck_assert_ptr_null(test_free(test));
}
END_TEST

START_TEST(test_add_env_checks_and_completes)
{
        _cleanup_(test_freep) Test *test = NULL;

        ck_assert_int_eq(test_new("a", &test), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "", "x", NULL), -EINVAL);
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "A=B", "x", NULL), -EINVAL);
        ck_assert_int_eq(test_add_env(test, ENV_OP_MAX, "A", "x", NULL), -EINVAL);
        ck_assert_int_eq(test_add_env(test, ENV_OP_INVALID, "A", "x", NULL), -EINVAL);
        ck_assert_uint_eq(test->n_env, 0);

        ck_assert_int_eq(test_add_env(test, ENV_OP_UNSET, "A", NULL, NULL), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_APPEND, "B", "b", NULL), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "C", "c", ":"), 0);
        ck_assert_uint_eq(test->n_env, 3);
        ck_assert_str_eq(test->env[0].value, "");
        ck_assert_ptr_null(test->env[0].separator);
        ck_assert_str_eq(test->env[1].separator, ":");
        ck_assert_ptr_null(test->env[2].separator);
}
END_TEST

/* Applies one change to A=1, B= and compares the whole. */
static void check_env(EnvOpKind kind, const char *name, const char *value, const char *expected) {
        char *base[] = { (char *)"A=1", (char *)"B=", (char *)"AB=3", NULL };
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_strv_ char **env = NULL;

        ck_assert_int_eq(test_new("a", &test), 0);
        ck_assert_int_eq(test_add_env(test, kind, name, value, ":"), 0);
        ck_assert_int_eq(env_apply(base, test->env, test->n_env, &env), 0);

        _cleanup_free_ char *joined = strv_join(env, " ");

        ck_assert_str_eq(joined, expected);
        ck_assert_str_eq(base[0], "A=1");
}

START_TEST(env_apply_each_kind)
{
        check_env(ENV_OP_SET, "A", "x", "B= AB=3 A=x");
        check_env(ENV_OP_SET, "N", "x=y", "A=1 B= AB=3 N=x=y");
        check_env(ENV_OP_SET, "A", "", "B= AB=3 A=");
        check_env(ENV_OP_UNSET, "A", NULL, "B= AB=3");
        check_env(ENV_OP_UNSET, "N", NULL, "A=1 B= AB=3");
        check_env(ENV_OP_APPEND, "A", "x", "B= AB=3 A=1:x");
        check_env(ENV_OP_PREPEND, "A", "x", "B= AB=3 A=x:1");
        /* Nothing to join with, nothing to separate */
        check_env(ENV_OP_APPEND, "N", "x", "A=1 B= AB=3 N=x");
        check_env(ENV_OP_PREPEND, "N", "x", "A=1 B= AB=3 N=x");
        /* Set to nothing is set */
        check_env(ENV_OP_APPEND, "B", "x", "A=1 AB=3 B=:x");
        check_env(ENV_OP_PREPEND, "B", "x", "A=1 AB=3 B=x:");
}
END_TEST

START_TEST(env_apply_in_order)
{
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_strv_ char **env = NULL, **empty = NULL;

        ck_assert_int_eq(test_new("a", &test), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "A", "m", NULL), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_APPEND, "A", "z", ", "), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_PREPEND, "A", "a", ", "), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_SET, "B", "1", NULL), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_UNSET, "B", NULL, NULL), 0);
        ck_assert_int_eq(env_apply(NULL, test->env, test->n_env, &env), 0);
        ck_assert_uint_eq(strv_length(env), 1);
        ck_assert_str_eq(env[0], "A=a, m, z");

        ck_assert_int_eq(env_apply(NULL, NULL, 0, &empty), 0);
        ck_assert_ptr_nonnull(empty); /* as execve() takes it */
        ck_assert_uint_eq(strv_length(empty), 0);
}
END_TEST

/* An environment that has a variable twice is possible, and programs differ in which one they read. */
START_TEST(env_apply_leaves_no_second_value)
{
        char *base[] = { (char *)"A=1", (char *)"A=2", (char *)"odd", NULL };
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_strv_ char **env = NULL;

        ck_assert_int_eq(test_new("a", &test), 0);
        ck_assert_int_eq(test_add_env(test, ENV_OP_APPEND, "A", "x", ":"), 0);
        ck_assert_int_eq(env_apply(base, test->env, test->n_env, &env), 0);

        _cleanup_free_ char *joined = strv_join(env, " ");

        ck_assert_str_eq(joined, "odd A=1:x");
}
END_TEST

START_TEST(test_protocol_round_trip)
{
        for (int i = 0; i < TEST_PROTOCOL_MAX; i++)
                ck_assert_int_eq(
                                test_protocol_from_string(test_protocol_to_string((TestProtocol)i)),
                                i);
        ck_assert_ptr_null(test_protocol_to_string(TEST_PROTOCOL_MAX));
        ck_assert_ptr_null(test_protocol_to_string(TEST_PROTOCOL_INVALID));
        ck_assert_int_eq(test_protocol_from_string(""), TEST_PROTOCOL_INVALID);
        ck_assert_int_eq(test_protocol_from_string("TAP"), TEST_PROTOCOL_INVALID);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-test");
        TCase *tcase = tcase_create("test");

        tcase_add_test(tcase, test_new_has_the_defaults);
        tcase_add_test(tcase, test_free_takes_all_that_it_owns);
        tcase_add_test(tcase, test_add_env_checks_and_completes);
        tcase_add_test(tcase, env_apply_each_kind);
        tcase_add_test(tcase, env_apply_in_order);
        tcase_add_test(tcase, env_apply_leaves_no_second_value);
        tcase_add_test(tcase, test_protocol_round_trip);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
