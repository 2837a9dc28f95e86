/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/flakiness.h"

#include <check.h>

#include "test-runner.h"

/* P: pass, F: fail, T: timeout, f: pass marked flaky, x: xfail, s: skip, n: not-run, -: no result */
static Flakiness flakiness_of(const char *results) {
        Flakiness flakiness = {};

        for (const char *p = results; *p; p++)
                switch (*p) {
                case 'P':
                        flakiness_add(&flakiness, PTEST_OUTCOME_PASS, 0);
                        break;
                case 'F':
                        flakiness_add(&flakiness, PTEST_OUTCOME_FAIL, 0);
                        break;
                case 'T':
                        flakiness_add(&flakiness, PTEST_OUTCOME_TIMEOUT, PTEST_MARK_SLOW);
                        break;
                case 'f':
                        flakiness_add(&flakiness, PTEST_OUTCOME_PASS, PTEST_MARK_FLAKY);
                        break;
                case 'x':
                        flakiness_add(&flakiness, PTEST_OUTCOME_XFAIL, 0);
                        break;
                case 's':
                        flakiness_add(&flakiness, PTEST_OUTCOME_SKIP, 0);
                        break;
                case 'n':
                        flakiness_add(&flakiness, PTEST_OUTCOME_NOT_RUN, 0);
                        break;
                default:
                        flakiness_skip(&flakiness);
                }
        return flakiness;
}

static void assert_flaky(const char *results, bool flaky, bool changed_once, unsigned percent) {
        Flakiness flakiness = flakiness_of(results);

        ck_assert_msg(flakiness_is_flaky(&flakiness) == flaky, "%s", results);
        ck_assert_msg(flakiness_has_changed_once(&flakiness) == changed_once, "%s", results);
        ck_assert_msg((unsigned)(flakiness_get_rate(&flakiness) * 100 + 0.5) == percent,
                      "%s",
                      results);
}

START_TEST(test_that_ends_alike_is_not_flaky)
{
        assert_flaky("", false, false, 0);
        assert_flaky("P", false, false, 0);
        assert_flaky("PPPP", false, false, 0);
        assert_flaky("FTFT", false, false, 0);
        assert_flaky("PxPx", false, false, 0);
        assert_flaky("sn-s", false, false, 0);
}
END_TEST

START_TEST(test_that_changes_once_was_broken_or_fixed)
{
        assert_flaky("PPPFFF", false, true, 0);
        assert_flaky("FFFP", false, true, 0);
        ck_assert(flakiness_of("PF").bad);
        ck_assert(!flakiness_of("FP").bad);
        ck_assert_uint_eq(flakiness_of("PP-FF").changed_at, 4);
}
END_TEST

START_TEST(test_that_changes_to_and_fro_is_flaky)
{
        assert_flaky("PFP", true, false, 33);
        assert_flaky("FPFP", true, false, 50);
        assert_flaky("PPPPTPPPPP", true, false, 10);
}
END_TEST

START_TEST(marked_test_is_flaky)
{
        assert_flaky("f", true, false, 100);
        assert_flaky("PPPf", true, false, 25);
        assert_flaky("PPfF", true, false, 50);
}
END_TEST

START_TEST(skips_and_what_was_not_run_say_nothing)
{
        assert_flaky("PsPnP-P", false, false, 0);
        assert_flaky("PsFs-nP", true, false, 33);
        assert_flaky("FnsP", false, true, 0);
}
END_TEST

START_TEST(last_seen_counts_all_runs)
{
        ck_assert_uint_eq(flakiness_of("PFP-sP").last_seen, 2);
        ck_assert_uint_eq(flakiness_of("PF-f-P").last_seen, 4);
        ck_assert_uint_eq(flakiness_of("PF-f-P").n_added, 6);
        ck_assert_uint_eq(flakiness_of("PP").last_seen, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-flakiness");
        TCase *tcase = tcase_create("flakiness");

        tcase_add_test(tcase, test_that_ends_alike_is_not_flaky);
        tcase_add_test(tcase, test_that_changes_once_was_broken_or_fixed);
        tcase_add_test(tcase, test_that_changes_to_and_fro_is_flaky);
        tcase_add_test(tcase, marked_test_is_flaky);
        tcase_add_test(tcase, skips_and_what_was_not_run_say_nothing);
        tcase_add_test(tcase, last_seen_counts_all_runs);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
