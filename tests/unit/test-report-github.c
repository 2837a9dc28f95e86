/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/github.h"

#include "basic/text.h"
#include "test-report-sample.h"
#include "test-runner.h"

START_TEST(github_annotations_are_escaped_commands)
{
        Reporter *reporter;
        Event *event;

        ck_assert_int_eq(github_new(report_path, &reporter), 0);
        emit(reporter, started(5));
        emit(reporter, tested("good", PTEST_OUTCOME_PASS, NULL));
        event = tested("a,b::c[50%]", PTEST_OUTCOME_FAIL, "exit status 1");
        output_set(&event->result->out, "100%\n::error::forged\n", 21);
        emit(reporter, event);
        emit(reporter, tested("m", PTEST_OUTCOME_FAIL, "../tests/queue.c:12: empty: yes"));
        emit(reporter, tested("n", PTEST_OUTCOME_CRASH, "12:30: no file"));
        event = tested("f", PTEST_OUTCOME_PASS, NULL);
        event->result->marks = PTEST_MARK_FLAKY;
        emit(reporter, event);
        assert_report("");
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        assert_report("::error title=a%2Cb%3A%3Ac[50%25]::fail: exit status 1%0Astdout:%0A  100%25%0A  ::error::forged\n"
                      "::error file=tests/queue.c,line=12,title=m::fail: ../tests/queue.c:12: empty: yes\n"
                      "::error title=n::crash: 12:30: no file\n"
                      "::warning title=f::flaky: passed after an attempt that did not\n");
}
END_TEST

START_TEST(github_shows_as_many_as_are_shown)
{
        Reporter *reporter;
        char *data;
        size_t n = 0;

        ck_assert_int_eq(github_new(report_path, &reporter), 0);
        emit(reporter, started(100));
        for (unsigned i = 0; i < 100; i++) {
                char name[20];

                snprintf(name, sizeof(name), "t%u", i);
                emit(reporter, tested(name, PTEST_OUTCOME_FAIL, NULL));
        }
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        data = report_read();
        for (const char *p = data; *p; p++)
                n += *p == '\n';
        ck_assert_uint_eq(n, 10);
        ck_assert(text_ends_with(data, "::error title=ptest::91 more tests did not pass\n"));
        free(data);
}
END_TEST

START_TEST(github_verdict_that_is_no_tests_is_an_annotation)
{
        Reporter *reporter;
        Event *event = finished(VERDICT_INCOMPLETE);

        ck_assert_int_eq(github_new(report_path, &reporter), 0);
        ck_assert_int_ge(text_setf(&event->run_finished.reason, "interrupted"), 0);
        emit(reporter, started(1));
        emit(reporter, tested("a", PTEST_OUTCOME_NOT_RUN, "interrupted"));
        emit(reporter, event);
        reporter_free(reporter);
        assert_report("::error title=suite::incomplete: interrupted\n");
}
END_TEST

START_TEST(github_hostile_results_are_lines_of_ours)
{
        Reporter *reporter;
        char *data, *line, *rest;

        ck_assert_int_eq(github_new(report_path, &reporter), 0);
        emit_hostile_run(reporter, 29, 300);
        reporter_free(reporter);
        data = rest = report_read();
        while ((line = strsep(&rest, "\n")) && rest) {
                ck_assert(text_starts_with(line, "::error ") ||
                          text_starts_with(line, "::warning "));
                ck_assert_uint_eq(strcspn(line, "\r\x1b"), strlen(line));
        }
        free(data);
}
END_TEST

static void assert_defused(const char *s, const char *expected) {
        _cleanup_buffer_ Buffer text = {};
        _cleanup_free_ char *safe = NULL;

        buffer_add_string(&text, s);
        github_defuse(&text);
        safe = buffer_take_string(&text);
        ck_assert_str_eq(safe, expected);
}

START_TEST(github_commands_of_tests_are_none)
{
        assert_defused("ok\n", "ok\n");
        assert_defused("::set-output name=x::y\n", "\\x3a:set-output name=x::y\n");
        assert_defused(" \t::a\n\xc2\xa0::b\nc ::d\n", " \t\\x3a:a\n\xc2\xa0\\x3a:b\nc ::d\n");
        assert_defused("a ##[error]b ###[c\n", "a #\\x23[error]b ##\\x23[c\n");
        assert_defused("#", "#");
        assert_defused("::::", "\\x3a:::");
}
END_TEST

START_TEST(github_summary_is_appended_and_has_no_markup_of_tests)
{
        Reporter *reporter;
        Event *event;
        FILE *file = fopen(report_path, "we");

        ck_assert_ptr_nonnull(file);
        fputs("before\n", file);
        ck_assert_int_eq(fclose(file), 0);
        ck_assert_int_eq(github_summary_new(report_path, &reporter), 0);
        emit(reporter, started(2));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("<b>|[x](y)", PTEST_OUTCOME_FAIL, "*"));
        event = finished(VERDICT_FAILED);
        event->run_finished.tally = (Tally){
                .planned = 2, .count = {1, 1}
        };
        emit(reporter, event);
        reporter_free(reporter);
        assert_report("before\n### suite: failed\n\n1 passed, 1 failed in 0s\n\n"
                      "| Test | Outcome | Reason |\n|---|---|---|\n"
                      "| &#60;b&#62;&#124;&#91;x&#93;&#40;y&#41; | fail | &#42; |\n\n");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-github");
        TCase *tcase = tcase_create("github");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, github_annotations_are_escaped_commands);
        tcase_add_test(tcase, github_shows_as_many_as_are_shown);
        tcase_add_test(tcase, github_verdict_that_is_no_tests_is_an_annotation);
        tcase_add_test(tcase, github_hostile_results_are_lines_of_ours);
        tcase_add_test(tcase, github_commands_of_tests_are_none);
        tcase_add_test(tcase, github_summary_is_appended_and_has_no_markup_of_tests);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
