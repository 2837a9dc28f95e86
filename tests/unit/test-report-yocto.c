/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/text.h"
#include "test-report-sample.h"

#include "test-runner.h"

START_TEST(yocto_run_is_one_section_with_a_line_for_each_test)
{
        Reporter *reporter;
        Event *event = started(4);

        ck_assert_int_eq(yocto_new(report_path, &reporter), 0);
        event->time_usec = 1795333940 * USEC_PER_SEC;
        emit(reporter, event);
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tried("b", 1, PTEST_OUTCOME_FAIL, "no"));
        event = tested("b", PTEST_OUTCOME_TIMEOUT, "5min");
        output_set(&event->result->out, "PASS: a\nEND: /usr/lib/suite/ptest\n", 34);
        emit(reporter, event);
        emit(reporter, tested("c", PTEST_OUTCOME_SKIP, "no network"));
        emit(reporter, tested("d", PTEST_OUTCOME_XFAIL, NULL));
        event = finished(VERDICT_FAILED);
        event->time_usec = 1795334000 * USEC_PER_SEC;
        event->run_finished.duration_usec = 60 * USEC_PER_SEC;
        emit(reporter, event);
        reporter_free(reporter);
        assert_report("START: ptest\n2026-11-22T07:52\nBEGIN: /usr/lib/suite/ptest\n"
                      "PASS: a\n"
                      "FAIL: b\n# timeout: 5min\n"
                      "# stdout:\n#   PASS: a\n#   END: /usr/lib/suite/ptest\n"
                      "SKIP: c\n# skip: no network\n"
                      "SKIP: d\n# xfail\n"
                      "# failed\n\nERROR: Exit status is 1\nDURATION: 60\n"
                      "END: /usr/lib/suite/ptest\n2026-11-22T07:53\nSTOP: ptest\nTOTAL: 1 FAIL: 1\n");
}
END_TEST

START_TEST(yocto_run_that_passed_has_no_error)
{
        Reporter *reporter;
        char *data;

        ck_assert_int_eq(yocto_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, finished(VERDICT_PASSED));
        reporter_free(reporter);
        data = report_read();
        ck_assert_ptr_null(strstr(data, "ERROR"));
        ck_assert(text_ends_with(data, "STOP: ptest\nTOTAL: 1 FAIL: 0\n"));
        free(data);
}
END_TEST

/* The parser cuts names at '(' and '#', joins them at blanks, and drops the second of two that are the same. */
START_TEST(yocto_names_stay_apart)
{
        Reporter *reporter;
        char *data;

        ck_assert_int_eq(yocto_new(report_path, &reporter), 0);
        emit(reporter, started(4));
        emit(reporter, tested("a (1)", PTEST_OUTCOME_FAIL, NULL));
        emit(reporter, tested("a#(1)", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("a__1_", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, set_up_failed("db (set-up)", NULL));
        emit(reporter, set_up_failed("db (set-up)", NULL));
        reporter_free(reporter);
        data = report_read();
        ck_assert_ptr_nonnull(strstr(data, "\nFAIL: a__1_\n"));
        ck_assert_ptr_nonnull(strstr(data, "\nPASS: a__1__2\n"));
        ck_assert_ptr_nonnull(strstr(data, "\nPASS: a__1__3\n"));
        ck_assert_ptr_nonnull(strstr(data, "\nFAIL: db__set-up_\n"));
        ck_assert_ptr_nonnull(strstr(data, "\nFAIL: db__set-up__2\n"));
        free(data);
}
END_TEST

START_TEST(yocto_hostile_results_forge_no_line)
{
        static const char *const heads[] = {
                "START: ", "BEGIN: ", "2",       "DURATION: ",
                "END: ",   "STOP: ",  "TOTAL: ", "ERROR: Exit status is "
        };
        Reporter *reporter;
        size_t n_results = 0, n_heads = 0;
        char *data, *line, *rest;

        ck_assert_int_eq(yocto_new(report_path, &reporter), 0);
        emit_hostile_run(reporter, 23, 500);
        reporter_free(reporter);
        data = rest = report_read();
        ck_assert(text_is_utf8(data, strlen(data)));
        while ((line = strsep(&rest, "\n")) && rest) {
                bool known = line[0] == '#' || line[0] == '\0';

                for (size_t i = 0; i < ELEMENTSOF(heads); i++)
                        if (text_starts_with(line, heads[i])) {
                                known = true;
                                n_heads++;
                        }
                if (text_starts_with(line, "PASS: ") || text_starts_with(line, "FAIL: ") ||
                    text_starts_with(line, "SKIP: ")) {
                        known = true;
                        n_results++;
                        ck_assert_uint_eq(strcspn(line + 6, " \t()#\r\x1b"), strlen(line + 6));
                }
                ck_assert_msg(known, "%s", line);
        }
        ck_assert_uint_eq(n_results, 500);
        ck_assert_uint_eq(n_heads, 9);
        free(data);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-yocto");
        TCase *tcase = tcase_create("yocto");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, yocto_run_is_one_section_with_a_line_for_each_test);
        tcase_add_test(tcase, yocto_run_that_passed_has_no_error);
        tcase_add_test(tcase, yocto_names_stay_apart);
        tcase_add_test(tcase, yocto_hostile_results_forge_no_line);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
