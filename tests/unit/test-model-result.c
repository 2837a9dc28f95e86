/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/result.h"

#include <errno.h>
#include <string.h>

#include <check.h>

#include "basic/strv.h"
#include "test-runner.h"

START_TEST(result_new_has_nothing_yet)
{
        _cleanup_(result_freep) Result *result = NULL;

        ck_assert_int_eq(result_new("a::b", &result), 0);
        ck_assert_str_eq(result->address, "a::b");
        ck_assert_uint_eq(result->attempt, 1);
        ck_assert_int_eq(result->exit_status, -1);
        ck_assert_int_eq(result->signal, 0);
        ck_assert_uint_eq(result->memory_peak, SIZE_UNKNOWN);
        ck_assert_uint_eq(result->slot, 0);
        ck_assert_ptr_null(result->reason);
        ck_assert_uint_eq(result->n_points, 0);
}
END_TEST

START_TEST(result_free_takes_all_that_it_owns)
{
        Result *result = NULL;

        ck_assert_ptr_null(result_free(NULL));
        ck_assert_int_eq(result_new("a", &result), 0);
        result->out.data = strdup("out");
        result->err.data = strdup("err");
        ck_assert_int_eq(strv_extend(&result->leaks, "1 sleep"), 0);
        ck_assert_int_eq(result_set_reason(result, "why"), 0);
        ck_assert_int_eq(result_add_point(result, PTEST_OUTCOME_SKIP, 1, "n", "r"), 0);
        ck_assert_ptr_null(result_free(result));
}
END_TEST

START_TEST(result_add_point_copies)
{
        _cleanup_(result_freep) Result *result = NULL;
        char name[] = "name", reason[] = "reason";

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(result_add_point(result, PTEST_OUTCOME_SKIP, 7, name, reason), 0);
        name[0] = reason[0] = 'x';
        ck_assert_int_eq(result_add_point(result, PTEST_OUTCOME_PASS, 0, NULL, NULL), 0);

        ck_assert_uint_eq(result->n_points, 2);
        ck_assert_int_eq(result->points[0].outcome, PTEST_OUTCOME_SKIP);
        ck_assert_uint_eq(result->points[0].number, 7);
        ck_assert_str_eq(result->points[0].name, "name");
        ck_assert_str_eq(result->points[0].reason, "reason");
        ck_assert_str_eq(result->points[1].name, "");
        ck_assert_ptr_null(result->points[1].reason);
}
END_TEST

START_TEST(result_add_point_up_to_the_bound)
{
        _cleanup_(result_freep) Result *result = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        for (unsigned i = 0; i < RESULT_POINTS_MAX; i++)
                ck_assert_int_eq(result_add_point(result, PTEST_OUTCOME_PASS, i, "p", NULL), 0);
        ck_assert_int_eq(result_add_point(result, PTEST_OUTCOME_PASS, 0, "p", NULL), -E2BIG);
        ck_assert_uint_eq(result->n_points, RESULT_POINTS_MAX);
        ck_assert_uint_eq(result->points[RESULT_POINTS_MAX - 1].number, RESULT_POINTS_MAX - 1);
}
END_TEST

START_TEST(result_set_reason_is_one_safe_line)
{
        _cleanup_(result_freep) Result *result = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(result_set_reason(result, "exit status %i", 3), 0);
        ck_assert_str_eq(result->reason, "exit status 3");
        ck_assert_int_eq(result_set_reason(result, "%s: more", result->reason), 0);
        ck_assert_str_eq(result->reason, "exit status 3: more");
        ck_assert_int_eq(result_set_reason(result, "a\nb\033[2J\xff"), 0);
        ck_assert_str_eq(result->reason, "a\\nb\\x1b[2J\\xff");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-result");
        TCase *tcase = tcase_create("result");

        tcase_add_test(tcase, result_new_has_nothing_yet);
        tcase_add_test(tcase, result_free_takes_all_that_it_owns);
        tcase_add_test(tcase, result_add_point_copies);
        tcase_add_test(tcase, result_add_point_up_to_the_bound);
        tcase_add_test(tcase, result_set_reason_is_one_safe_line);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
