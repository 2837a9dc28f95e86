/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <strings.h>

#include "basic/text.h"
#include "test-report-sample.h"
#include "test-runner.h"

START_TEST(tap_outcomes_give_a_consumer_our_verdict)
{
        Reporter *reporter;

        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        emit(reporter, started(6));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("b", PTEST_OUTCOME_SKIP, "no network"));
        emit(reporter, tested("c", PTEST_OUTCOME_XFAIL, NULL));
        emit(reporter, tested("d", PTEST_OUTCOME_XPASS, NULL));
        emit(reporter, tested("e", PTEST_OUTCOME_TIMEOUT, "5min"));
        emit(reporter, tested("f", PTEST_OUTCOME_NOT_RUN, "interrupted"));
        emit(reporter, finished(VERDICT_INCOMPLETE));
        reporter_free(reporter);
        assert_report("TAP version 13\n1..6\n"
                      "ok 1 - a\n"
                      "ok 2 - b # SKIP no network\n"
                      "not ok 3 - c # TODO expected failure\n"
                      "not ok 4 - d\n# xpass\n"
                      "not ok 5 - e\n# timeout: 5min\n"
                      "not ok 6 - f\n# not-run: interrupted\n"
                      "# no tests\n");
}
END_TEST

START_TEST(tap_run_that_failed_without_a_failed_test_bails_out)
{
        Reporter *reporter;

        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, finished(VERDICT_MACHINERY_FAILED));
        reporter_free(reporter);
        assert_report("TAP version 13\n1..1\nok 1 - a\n# no tests\nBail out! the machinery failed\n");
}
END_TEST

START_TEST(tap_names_cannot_become_directives)
{
        Reporter *reporter;

        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        emit(reporter, started(3));
        emit(reporter, tested("a # SKIP b", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("http://x/#todo", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("c\\d#e", PTEST_OUTCOME_PASS, NULL));
        reporter_free(reporter);
        assert_report("TAP version 13\n1..3\n"
                      "ok 1 - a \\#_ SKIP b\n"
                      "ok 2 - http://x/\\#_todo\n"
                      "ok 3 - c\\\\d\\#e\n");
}
END_TEST

/* Each line is one that we mean, whatever was in the results. */
START_TEST(tap_hostile_results_keep_the_format)
{
        Reporter *reporter;
        size_t number = 0;
        char *data, *line, *rest;

        sample_seed(3);
        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        emit(reporter, started(500));
        for (unsigned i = 0; i < 500; i++)
                emit(reporter, sample_event_of_run(EVENT_TEST_FINISHED, SD_ID128_NULL));
        reporter_free(reporter);

        data = rest = report_read();
        ck_assert(text_is_utf8(data, strlen(data)));
        ck_assert_str_eq(strsep(&rest, "\n"), "TAP version 13");
        ck_assert_str_eq(strsep(&rest, "\n"), "1..500");
        while ((line = strsep(&rest, "\n")) && rest) {
                char good[64], bad[64];

                ck_assert(strcspn(line, "\x1b\r\x01\x7f") == strlen(line));
                if (line[0] == '#')
                        continue;
                number++;
                snprintf(good, sizeof(good), "ok %zu - dir/", number);
                snprintf(bad, sizeof(bad), "not ok %zu - dir/", number);
                ck_assert_msg(text_starts_with(line, good) || text_starts_with(line, bad),
                              "%s",
                              line);
        }
        ck_assert_uint_eq(number, 500);
        free(data);
}
END_TEST

START_TEST(tap_unwritable_output_is_an_error)
{
        Reporter *reporter;
        Event *event = started(1);

        ck_assert_int_lt(tap_new("/nowhere/report", &reporter), 0);
        ck_assert_int_eq(tap_new("/dev/full", &reporter), 0);
        ck_assert_int_lt(reporter_on_event(reporter, event), 0);
        event_free(event);
        reporter_free(reporter);
}
END_TEST

START_TEST(tap_of_a_run_that_grows_has_its_plan_at_the_end)
{
        Reporter *reporter;
        Event *event = started(1);
        char *text;

        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        event->run_started.grows = true;
        emit(reporter, event);
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("a::b", PTEST_OUTCOME_PASS, NULL));
        event = finished(VERDICT_PASSED);
        event->run_finished.tally.planned = 2;
        emit(reporter, event);
        reporter_free(reporter);
        text = report_read();
        ck_assert_ptr_nonnull(strstr(text, "TAP version 13\nok 1 - a\nok 2 - a::b\n1..2\n"));
        free(text);
}
END_TEST

START_TEST(tap_tells_backtrace_and_what_was_left_changed)
{
        Reporter *reporter;
        Event *event;
        char *text;

        ck_assert_int_eq(tap_new(report_path, &reporter), 0);
        emit(reporter, started(2));
        event = tested("a", PTEST_OUTCOME_CRASH, "SIGSEGV");
        ck_assert_int_ge(strv_extend(&event->result->backtrace, "#0 f\n()"), 0);
        emit(reporter, event);
        event = tested("b", PTEST_OUTCOME_PASS, NULL);
        ck_assert_int_ge(strv_extend(&event->result->dirty, "umask 022, was 077"), 0);
        emit(reporter, event);
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        text = report_read();
        ck_assert_ptr_nonnull(strstr(text, "# crash: SIGSEGV\n# backtrace:\n#   #0 f\\n()\n"));
        ck_assert_ptr_nonnull(strstr(
                        text,
                        "ok 2 - b\n# left changed in its process:\n#   umask 022, was 077\n"));
        free(text);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-tap");
        TCase *tcase = tcase_create("tap");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, tap_outcomes_give_a_consumer_our_verdict);
        tcase_add_test(tcase, tap_run_that_failed_without_a_failed_test_bails_out);
        tcase_add_test(tcase, tap_names_cannot_become_directives);
        tcase_add_test(tcase, tap_hostile_results_keep_the_format);
        tcase_add_test(tcase, tap_of_a_run_that_grows_has_its_plan_at_the_end);
        tcase_add_test(tcase, tap_tells_backtrace_and_what_was_left_changed);
        tcase_add_test(tcase, tap_unwritable_output_is_an_error);
        suite_add_tcase(suite, tcase);

        return suite_run(suite);
}
