/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tally.h"

#include <check.h>

#include "test-runner.h"

START_TEST(tally_add_counts_each_outcome_once)
{
        Tally tally = { .planned = 100 };
        size_t bad = 0, reported = 0;

        for (int i = 0; i < PTEST_OUTCOME_MAX; i++)
                for (int n = 0; n <= i; n++) {
                        tally_add(&tally, (Outcome)i, 0);
                        reported++;
                        bad += outcome_is_bad((Outcome)i) ? 1 : 0;
                        ck_assert_uint_eq(tally_reported(&tally), reported);
                        ck_assert_uint_eq(tally_bad(&tally), bad);
                }
        for (int i = 0; i < PTEST_OUTCOME_MAX; i++)
                ck_assert_uint_eq(tally.count[i], (size_t)i + 1);
        ck_assert_uint_eq(tally.planned, 100);
        ck_assert_uint_eq(tally.marked_slow + tally.marked_flaky + tally.marked_leaky, 0);
}
END_TEST

START_TEST(tally_add_counts_marks_beside_outcomes)
{
        Tally tally = {};

        tally_add(&tally, PTEST_OUTCOME_PASS, PTEST_MARK_SLOW | PTEST_MARK_LEAKY);
        tally_add(&tally, PTEST_OUTCOME_PASS, PTEST_MARK_LEAKY | PTEST_MARK_FLAKY);
        tally_add(&tally, PTEST_OUTCOME_FAIL, PTEST_MARK_LEAKY);
        ck_assert_uint_eq(tally.marked_slow, 1);
        ck_assert_uint_eq(tally.marked_flaky, 1);
        ck_assert_uint_eq(tally.marked_leaky, 3);
        ck_assert_uint_eq(tally_reported(&tally), 3);
        ck_assert_uint_eq(tally_bad(&tally), 1);
}
END_TEST

START_TEST(verdict_round_trip)
{
        for (int i = 0; i < VERDICT_MAX; i++)
                ck_assert_int_eq(verdict_from_string(verdict_to_string((Verdict)i)), i);
        ck_assert_ptr_null(verdict_to_string(VERDICT_MAX));
        ck_assert_ptr_null(verdict_to_string(VERDICT_INVALID));
        ck_assert_int_eq(verdict_from_string(""), VERDICT_INVALID);
        ck_assert_int_eq(verdict_from_string("pass"), VERDICT_INVALID);
}
END_TEST

START_TEST(verdict_exit_statuses_are_those_of_the_manual)
{
        ck_assert_int_eq(verdict_to_exit_status(VERDICT_PASSED), 0);
        ck_assert_int_eq(verdict_to_exit_status(VERDICT_FAILED), 1);
        ck_assert_int_eq(verdict_to_exit_status(VERDICT_MACHINERY_FAILED), 3);
        ck_assert_int_eq(verdict_to_exit_status(VERDICT_NOTHING_TO_RUN), 4);
        ck_assert_int_eq(verdict_to_exit_status(VERDICT_INCOMPLETE), 5);
        ck_assert_int_ne(verdict_to_exit_status(VERDICT_INVALID), 0);
        ck_assert_int_ne(verdict_to_exit_status(VERDICT_MAX), 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-tally");
        TCase *tcase = tcase_create("tally");

        tcase_add_test(tcase, tally_add_counts_each_outcome_once);
        tcase_add_test(tcase, tally_add_counts_marks_beside_outcomes);
        tcase_add_test(tcase, verdict_round_trip);
        tcase_add_test(tcase, verdict_exit_statuses_are_those_of_the_manual);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
