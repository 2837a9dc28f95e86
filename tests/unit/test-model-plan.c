/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/plan.h"

#include <errno.h>

#include <check.h>

#include "test-runner.h"

START_TEST(plan_empty_is_complete)
{
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(0, &plan), 0);
        ck_assert(plan_is_complete(plan));
}
END_TEST

START_TEST(plan_each_test_gets_one_outcome)
{
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(2, &plan), 0);
        ck_assert_uint_eq(plan_get_attempt(plan, 0), 1);
        plan_set_sent(plan, 0);
        ck_assert_int_eq(plan_get_state(plan, 0), PLAN_SENT);
        ck_assert_int_eq(plan_complete(plan, 0, PTEST_OUTCOME_PASS, 0), 0);
        ck_assert_int_eq(plan_complete(plan, 0, PTEST_OUTCOME_FAIL, 0), -EALREADY);
        ck_assert(!plan_is_complete(plan));
        ck_assert_uint_eq(plan_get_tally(plan)->count[PTEST_OUTCOME_PASS], 1);
        ck_assert_uint_eq(plan_get_tally(plan)->count[PTEST_OUTCOME_FAIL], 0);
        ck_assert_int_eq(plan_complete(plan, 1, PTEST_OUTCOME_NOT_RUN, 0), 0);
        ck_assert(plan_is_complete(plan));
}
END_TEST

START_TEST(plan_unstarted_test_waits_again_with_its_attempt)
{
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(1, &plan), 0);
        plan_set_sent(plan, 0);
        plan_set_waiting(plan, 0);
        ck_assert_int_eq(plan_get_state(plan, 0), PLAN_WAITING);
        ck_assert_uint_eq(plan_get_attempt(plan, 0), 1);
}
END_TEST

START_TEST(plan_grows_while_it_is_carried_out)
{
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(1, &plan), 0);
        plan_set_sent(plan, 0);
        for (uint32_t i = 1; i < 100; i++) {
                ck_assert_int_eq(plan_reserve(plan, i + 1), 0);
                plan_add(plan);
                ck_assert_int_eq(plan_get_state(plan, i), PLAN_WAITING);
                ck_assert_uint_eq(plan_get_attempt(plan, i), 1);
        }
        ck_assert_int_eq(plan_get_state(plan, 0), PLAN_SENT);
        ck_assert_uint_eq(plan_get_tally(plan)->planned, 100);
        ck_assert_int_eq(plan_complete(plan, 0, PTEST_OUTCOME_PASS, 0), 0);
        ck_assert(!plan_is_complete(plan));
        for (uint32_t i = 1; i < 100; i++)
                ck_assert_int_eq(plan_complete(plan, i, PTEST_OUTCOME_PASS, 0), 0);
        ck_assert(plan_is_complete(plan));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/plan");
        TCase *tcase = tcase_create("plan");

        tcase_add_test(tcase, plan_empty_is_complete);
        tcase_add_test(tcase, plan_each_test_gets_one_outcome);
        tcase_add_test(tcase, plan_grows_while_it_is_carried_out);
        tcase_add_test(tcase, plan_unstarted_test_waits_again_with_its_attempt);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
