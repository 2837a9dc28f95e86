/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/outcome.h"

#include <string.h>

#include <check.h>

#include "test-runner.h"

START_TEST(outcome_round_trip)
{
        for (int i = 0; i < PTEST_OUTCOME_MAX; i++) {
                const char *name = outcome_to_string((Outcome)i);

                ck_assert_ptr_nonnull(name);
                ck_assert_int_eq(outcome_from_string(name), i);
        }
        ck_assert_str_eq(outcome_to_string(PTEST_OUTCOME_NOT_RUN), "not-run");
}
END_TEST

START_TEST(outcome_invalid_is_refused)
{
        ck_assert_ptr_null(outcome_to_string(PTEST_OUTCOME_MAX));
        ck_assert_ptr_null(outcome_to_string(PTEST_OUTCOME_INVALID));
        ck_assert_int_eq(outcome_from_string(""), PTEST_OUTCOME_INVALID);
        ck_assert_int_eq(outcome_from_string("PASS"), PTEST_OUTCOME_INVALID);
        ck_assert_int_eq(outcome_from_string("pass "), PTEST_OUTCOME_INVALID);
        ck_assert_int_eq(outcome_from_string("notrun"), PTEST_OUTCOME_INVALID);
}
END_TEST

START_TEST(outcome_is_bad_as_the_header_says)
{
        static const char *const bad[] = { "fail",  "xpass", "error", "timeout",
                                           "crash", "oom",   "lost" };
        static const char *const good[] = { "pass", "skip", "xfail", "not-run" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                ck_assert_msg(outcome_is_bad(outcome_from_string(bad[i])), "%s", bad[i]);
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                ck_assert_msg(!outcome_is_bad(outcome_from_string(good[i])), "%s", good[i]);
        ck_assert_uint_eq(
                        sizeof(bad) / sizeof(bad[0]) + sizeof(good) / sizeof(good[0]),
                        PTEST_OUTCOME_MAX);
}
END_TEST

START_TEST(mark_round_trip)
{
        static const PtestMark marks[] = { PTEST_MARK_SLOW, PTEST_MARK_FLAKY, PTEST_MARK_LEAKY };

        for (size_t i = 0; i < 3; i++)
                ck_assert_int_eq(mark_from_string(mark_to_string(marks[i])), marks[i]);
        ck_assert_str_eq(mark_to_string(PTEST_MARK_FLAKY), "flaky");
        ck_assert_int_eq(mark_from_string("odd"), 0);
        ck_assert_int_eq(mark_from_string(""), 0);
        ck_assert_ptr_null(mark_to_string((PtestMark)0));
        ck_assert_ptr_null(mark_to_string((PtestMark)(PTEST_MARK_SLOW | PTEST_MARK_FLAKY)));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-outcome");
        TCase *tcase = tcase_create("outcome");

        tcase_add_test(tcase, outcome_round_trip);
        tcase_add_test(tcase, outcome_invalid_is_refused);
        tcase_add_test(tcase, outcome_is_bad_as_the_header_says);
        tcase_add_test(tcase, mark_round_trip);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
