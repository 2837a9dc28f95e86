/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/test-limits.h"

#include <string.h>

#include <check.h>

#include "test-runner.h"

START_TEST(limits_of_nothing_are_none)
{
        TestLimits limits = TEST_LIMITS_NONE;

        ck_assert_uint_eq(limits.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(limits.memory_high, SIZE_INFINITY);
        ck_assert_uint_eq(limits.tasks_max, UINT64_MAX);
        ck_assert_uint_eq(limits.cpu_quota_usec, USEC_INFINITY);
        ck_assert_uint_eq(limits.leak_grace_usec, 200 * USEC_PER_MSEC);
        ck_assert_uint_eq(limits.leaks, LEAKS_MARK);
        ck_assert_uint_eq(limits.given, 0);
}
END_TEST

START_TEST(limits_inherit_only_what_they_do_not_give)
{
        TestLimits suite = TEST_LIMITS_NONE, context = TEST_LIMITS_NONE, test = TEST_LIMITS_NONE;

        suite.memory_max = 100;
        suite.tasks_max = 10;
        suite.leaks = LEAKS_FAIL;
        suite.given = LIMITS_MEMORY_MAX | LIMITS_TASKS_MAX | LIMITS_LEAKS;
        context.memory_max = 50;
        context.cpu_quota_usec = 5;
        context.leak_grace_usec = 0;
        context.given = LIMITS_MEMORY_MAX | LIMITS_CPU_QUOTA | LIMITS_LEAK_GRACE;
        test.tasks_max = UINT64_MAX; /* none, in so many words */
        test.memory_high = 3;
        test.given = LIMITS_TASKS_MAX | LIMITS_MEMORY_HIGH;

        test_limits_inherit(&test, &context);
        test_limits_inherit(&test, &suite);
        ck_assert_uint_eq(test.memory_max, 50);
        ck_assert_uint_eq(test.memory_high, 3);
        ck_assert_uint_eq(test.tasks_max, UINT64_MAX);
        ck_assert_uint_eq(test.cpu_quota_usec, 5);
        ck_assert_uint_eq(test.leak_grace_usec, 0);
        ck_assert_uint_eq(test.leaks, LEAKS_FAIL);
}
END_TEST

START_TEST(limits_apply_replaces_what_is_given)
{
        TestLimits limits = TEST_LIMITS_NONE, over = TEST_LIMITS_NONE;

        limits.memory_max = 100;
        limits.leaks = LEAKS_IGNORE;
        limits.given = LIMITS_MEMORY_MAX | LIMITS_LEAKS;
        over.memory_max = SIZE_INFINITY;
        over.given = LIMITS_MEMORY_MAX;

        test_limits_apply(&limits, &over);
        ck_assert_uint_eq(limits.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(limits.leaks, LEAKS_IGNORE);
        ck_assert_uint_eq(limits.given, LIMITS_MEMORY_MAX | LIMITS_LEAKS);
}
END_TEST

START_TEST(leak_policy_round_trip)
{
        for (int i = 0; i < LEAKS_MAX; i++)
                ck_assert_int_eq(leak_policy_from_string(leak_policy_to_string((LeakPolicy)i)), i);
        ck_assert_str_eq(leak_policy_to_string(LEAKS_FAIL), "fail");
        ck_assert_int_eq(leak_policy_from_string("Fail"), LEAKS_INVALID);
        ck_assert_int_eq(leak_policy_from_string(""), LEAKS_INVALID);
        ck_assert_ptr_null(leak_policy_to_string(LEAKS_MAX));
        ck_assert_ptr_null(leak_policy_to_string(LEAKS_INVALID));
}
END_TEST

START_TEST(stuck_policy_round_trip)
{
        for (int i = 0; i < STUCK_MAX; i++)
                ck_assert_int_eq(
                                stuck_policy_from_string(stuck_policy_to_string((StuckPolicy)i)),
                                i);
        ck_assert_int_eq(stuck_policy_from_string("yes"), STUCK_STACKS);
        ck_assert_int_eq(stuck_policy_from_string("false"), STUCK_NONE);
        ck_assert_int_eq(stuck_policy_from_string("Stacks"), STUCK_INVALID);
        ck_assert_int_eq(stuck_policy_from_string(""), STUCK_INVALID);
        ck_assert_ptr_null(stuck_policy_to_string(STUCK_MAX));
}
END_TEST

START_TEST(flaky_policy_round_trip)
{
        for (int i = 0; i < FLAKY_MAX; i++)
                ck_assert_int_eq(
                                flaky_policy_from_string(flaky_policy_to_string((FlakyPolicy)i)),
                                i);
        ck_assert_int_eq(flaky_policy_from_string("fail"), FLAKY_FAIL);
        ck_assert_int_eq(flaky_policy_from_string("Fail"), FLAKY_INVALID);
        ck_assert_int_eq(flaky_policy_from_string(""), FLAKY_INVALID);
        ck_assert_ptr_null(flaky_policy_to_string(FLAKY_MAX));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/test-limits");
        TCase *tcase = tcase_create("all");

        tcase_add_test(tcase, limits_of_nothing_are_none);
        tcase_add_test(tcase, limits_inherit_only_what_they_do_not_give);
        tcase_add_test(tcase, limits_apply_replaces_what_is_given);
        tcase_add_test(tcase, leak_policy_round_trip);
        tcase_add_test(tcase, stuck_policy_round_trip);
        tcase_add_test(tcase, flaky_policy_round_trip);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
