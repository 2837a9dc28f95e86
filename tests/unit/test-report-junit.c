/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "test-report-sample.h"
#include "test-runner.h"

static xmlDoc *parse_report(void) {
        xmlDoc *doc = xmlReadFile(report_path, NULL, XML_PARSE_NONET);

        ck_assert_ptr_nonnull(doc);
        return doc;
}

static double count(xmlDoc *doc, const char *expression) {
        xmlXPathContext *context = xmlXPathNewContext(doc);
        xmlXPathObject *object;
        double value;

        ck_assert_ptr_nonnull(context);
        object = xmlXPathEvalExpression(BAD_CAST expression, context);
        ck_assert_ptr_nonnull(object);
        value = xmlXPathCastToNumber(object);
        xmlXPathFreeObject(object);
        xmlXPathFreeContext(context);
        return value;
}

#define assert_count(doc, expression, expected)                   \
        ck_assert_msg((long)count(doc, expression) == (expected), \
                      "%s is %f",                                 \
                      expression,                                 \
                      count(doc, expression))

START_TEST(junit_outcomes_and_counts_agree)
{
        Reporter *reporter;
        xmlDoc *doc;
        Event *event;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(7));
        emit(reporter, tested("dir/sub/a", PTEST_OUTCOME_PASS, NULL));
        event = tested("b", PTEST_OUTCOME_FAIL, "exit status 1");
        event->result->out.data = strdup("hello\x1b[2J\n");
        event->result->out.size = event->result->out.total = strlen(event->result->out.data);
        emit(reporter, event);
        emit(reporter, tested("c", PTEST_OUTCOME_SKIP, "no network"));
        emit(reporter, tested("d", PTEST_OUTCOME_XFAIL, NULL));
        emit(reporter, tested("e", PTEST_OUTCOME_CRASH, "SIGSEGV"));
        emit(reporter, tested("f", PTEST_OUTCOME_XPASS, NULL));
        emit(reporter, tested("g", PTEST_OUTCOME_NOT_RUN, "fail-fast"));
        ck_assert_int_eq(access(report_path, F_OK), -1);
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);

        doc = parse_report();
        assert_count(doc, "number(/testsuites/testsuite/@tests)", 7);
        assert_count(doc, "count(//testcase)", 7);
        assert_count(doc, "number(/testsuites/testsuite/@failures)", 2);
        assert_count(doc, "count(//testcase/failure[@type and @message])", 2);
        assert_count(doc, "number(/testsuites/testsuite/@errors)", 1);
        assert_count(doc, "count(//testcase[@name='e']/error[@type='crash'])", 1);
        assert_count(doc, "number(/testsuites/testsuite/@skipped)", 3);
        assert_count(doc, "count(//testcase/skipped[@message])", 3);
        assert_count(doc, "count(//testcase[@name='c']/skipped[@message='no network'])", 1);
        assert_count(doc, "count(//testcase[@name='dir/sub/a'][@classname='suite.dir.sub'])", 1);
        assert_count(doc, "count(//testcase[@name='b']/system-out[starts-with(., 'hello')])", 1);
        assert_count(doc, "count(//testcase[not(@time)])", 0);
        xmlFreeDoc(doc);
}
END_TEST

/* What Surefire makes of runs again, in the order of its schema */
START_TEST(junit_attempts_of_a_test_are_in_its_case)
{
        Reporter *reporter;
        xmlDoc *doc;
        Event *event;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(3));
        event = tried("flaky", 1, PTEST_OUTCOME_FAIL, "exit status 1");
        output_set(&event->result->out, "hello\n", 6);
        emit(reporter, event);
        emit(reporter, tried("bad", 1, PTEST_OUTCOME_CRASH, "SIGSEGV"));
        emit(reporter, tried("flaky", 2, PTEST_OUTCOME_TIMEOUT, "5min"));
        emit(reporter, tried("bad", 2, PTEST_OUTCOME_FAIL, "exit status 2"));
        emit(reporter, tried("bad", 3, PTEST_OUTCOME_PASS, NULL));
        /* Was to be run again, and was not: the result repeats it. */
        emit(reporter, tried("bad", 4, PTEST_OUTCOME_FAIL, "exit status 4"));
        event = tested("bad", PTEST_OUTCOME_FAIL, "exit status 4");
        event->result->attempt = 4;
        emit(reporter, event);
        event = tested("flaky", PTEST_OUTCOME_PASS, NULL);
        event->result->attempt = 3;
        event->result->marks = PTEST_MARK_FLAKY;
        emit(reporter, event);
        emit(reporter, tested("good", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);

        doc = parse_report();
        assert_count(doc, "count(//testcase)", 3);
        assert_count(doc, "number(/testsuites/testsuite/@failures)", 1);
        assert_count(doc, "number(/testsuites/testsuite/@errors)", 0);
        assert_count(doc, "count(//testcase[@name='flaky']/*)", 2);
        assert_count(doc, "count(//testcase[@name='flaky']/flakyFailure[@type='fail'])", 1);
        assert_count(doc, "count(//testcase[@name='flaky']/flakyError[@type='timeout'])", 1);
        assert_count(doc,
                     "count(//flakyFailure[starts-with(stackTrace, 'fail: exit status 1')])",
                     1);
        assert_count(doc, "count(//flakyFailure[system-out = 'hello'])", 1);
        assert_count(doc, "count(//testcase[@name='bad']/*)", 3);
        assert_count(doc, "count(//testcase[@name='bad']/failure)", 1);
        assert_count(doc, "count(//failure/following-sibling::rerunFailure[@type='fail'])", 1);
        assert_count(doc, "count(//rerunFailure/following-sibling::rerunError[@type='crash'])", 1);
        assert_count(doc, "count(//rerunError[@message='attempt 1: crash: SIGSEGV'])", 1);
        assert_count(doc, "count(//testcase[@name='good']/*)", 0);
        xmlFreeDoc(doc);
}
END_TEST

START_TEST(junit_names_are_unique_and_classes_have_no_dots_of_their_own)
{
        Reporter *reporter;
        xmlDoc *doc;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(3));
        emit(reporter, set_up_failed("db (set-up)", "exit status 1"));
        emit(reporter, set_up_failed("db (set-up)", "exit status 1"));
        emit(reporter, tested("glib-2.0/gio.py::file::open[a/b::c.d]", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("plain.test", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("//x::::y", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);

        doc = parse_report();
        assert_count(doc, "count(//testcase[@name='db (set-up)'])", 1);
        assert_count(doc, "count(//testcase[@name='db (set-up) #2'])", 1);
        assert_count(doc, "count(//testcase[@classname='suite.glib-2_0.gio_py.file'])", 1);
        assert_count(doc, "count(//testcase[@name='plain.test'][@classname='suite'])", 1);
        assert_count(doc, "count(//testcase[@name='//x::::y'][@classname='suite.x'])", 1);
        xmlFreeDoc(doc);
}
END_TEST

START_TEST(junit_long_reasons_are_cut_between_characters)
{
        char reason[10001];
        Reporter *reporter;
        xmlDoc *doc;

        for (size_t i = 0; i < 10000; i += 2)
                memcpy(reason + i, "\xc3\xa4", 2);
        reason[10000] = '\0';
        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(1));
        emit(reporter, tested("a", PTEST_OUTCOME_FAIL, reason));
        emit(reporter, tested("b", PTEST_OUTCOME_SKIP, reason));
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);

        doc = parse_report();
        assert_count(doc, "count(//*[string-length(@message) > 2100])", 0);
        assert_count(doc, "count(//*[string-length(@message) > 2000])", 2);
        assert_count(doc, "count(//*[contains(@message, '\\x')])", 0);
        xmlFreeDoc(doc);
}
END_TEST

START_TEST(junit_bad_verdict_without_a_bad_test_is_an_error)
{
        Reporter *reporter;
        xmlDoc *doc;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(0));
        emit(reporter, finished(VERDICT_NOTHING_TO_RUN));
        reporter_free(reporter);
        doc = parse_report();
        assert_count(doc, "count(//testcase/error)", 1);
        assert_count(doc, "number(/testsuites/testsuite/@errors)", 1);
        xmlFreeDoc(doc);
}
END_TEST

START_TEST(junit_hostile_results_stay_well_formed)
{
        Reporter *reporter;
        xmlDoc *doc;
        Event *event;

        sample_seed(11);
        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        event = sample_event_of_run(EVENT_RUN_STARTED, SD_ID128_NULL);
        emit(reporter, event);
        for (unsigned i = 0; i < 1000; i++)
                emit(reporter, sample_event_of_run(EVENT_TEST_FINISHED, SD_ID128_NULL));
        event = sample_event_of_run(EVENT_RUN_FINISHED, SD_ID128_NULL);
        event->run_finished.verdict = VERDICT_FAILED;
        emit(reporter, event);
        reporter_free(reporter);

        doc = parse_report();
        assert_count(doc, "count(//testcase)", 1000);
        assert_count(doc, "count(//testcase) - number(/testsuites/@tests)", 0);
        assert_count(doc, "count(//failure) - number(/testsuites/@failures)", 0);
        assert_count(doc, "count(//error) - number(/testsuites/@errors)", 0);
        xmlFreeDoc(doc);
}
END_TEST

START_TEST(junit_much_output_stays_below_what_servers_take)
{
        Reporter *reporter;
        struct stat st;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(1000));
        for (unsigned i = 0; i < 1000; i++) {
                char name[20];
                Event *event;

                snprintf(name, sizeof(name), "t%u", i);
                event = tested(name, PTEST_OUTCOME_FAIL, NULL);
                event->result->out.size = event->result->out.total = 500000;
                event->result->out.data = malloc(500001);
                memset(event->result->out.data, '<', 500001);
                emit(reporter, event);
        }
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        ck_assert_int_eq(stat(report_path, &st), 0);
        ck_assert_int_lt(st.st_size, 30 * 1000 * 1000);
}
END_TEST

START_TEST(junit_unfinished_run_leaves_nothing)
{
        Reporter *reporter;

        ck_assert_int_eq(junit_new(report_path, &reporter), 0);
        emit(reporter, started(2));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        reporter_free(reporter);
        ck_assert_int_eq(rmdir(report_directory), 0);
        ck_assert_int_eq(mkdir(report_directory, 0700), 0);
}
END_TEST

START_TEST(junit_bad_path_is_told_at_once)
{
        Reporter *reporter;

        ck_assert_int_eq(junit_new("/nowhere/x.xml", &reporter), -ENOENT);
        ck_assert_int_eq(junit_new(report_directory, &reporter), -EISDIR);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-junit");
        TCase *tcase = tcase_create("junit");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, junit_outcomes_and_counts_agree);
        tcase_add_test(tcase, junit_attempts_of_a_test_are_in_its_case);
        tcase_add_test(tcase, junit_names_are_unique_and_classes_have_no_dots_of_their_own);
        tcase_add_test(tcase, junit_long_reasons_are_cut_between_characters);
        tcase_add_test(tcase, junit_bad_verdict_without_a_bad_test_is_an_error);
        tcase_add_test(tcase, junit_hostile_results_stay_well_formed);
        tcase_add_test(tcase, junit_much_output_stays_below_what_servers_take);
        tcase_add_test(tcase, junit_unfinished_run_leaves_nothing);
        tcase_add_test(tcase, junit_bad_path_is_told_at_once);
        suite_add_tcase(suite, tcase);

        return suite_run(suite);
}
