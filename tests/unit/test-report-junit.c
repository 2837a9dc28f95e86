/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "basic/file.h"
#include "test-record-sample.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static char path[64];

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/report", directory);
}

static void teardown(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static void emit(Reporter *reporter, Event *event) {
        ck_assert_int_eq(reporter_on_event(reporter, event), 0);
        event_free(event);
}

static Event *started(size_t planned) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_RUN_STARTED, SD_ID128_NULL, "suite", &event), 0);
        event->run_started.planned = planned;
        return event;
}

static Event *finished(Verdict verdict) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_RUN_FINISHED, SD_ID128_NULL, "suite", &event), 0);
        event->run_finished.verdict = verdict;
        return event;
}

static Event *tested(const char *address, Outcome outcome, const char *reason) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_TEST_FINISHED, SD_ID128_NULL, "suite", &event), 0);
        ck_assert_int_eq(result_new(address, &event->result), 0);
        event->result->outcome = outcome;
        if (reason)
                ck_assert_int_eq(result_set_reason(event->result, "%s", reason), 0);
        return event;
}

static xmlDoc *parse_report(void) {
        xmlDoc *doc = xmlReadFile(path, NULL, XML_PARSE_NONET);

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

        ck_assert_int_eq(junit_new(path, &reporter), 0);
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
        ck_assert_int_eq(access(path, F_OK), -1);
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

START_TEST(junit_bad_verdict_without_a_bad_test_is_an_error)
{
        Reporter *reporter;
        xmlDoc *doc;

        ck_assert_int_eq(junit_new(path, &reporter), 0);
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
        ck_assert_int_eq(junit_new(path, &reporter), 0);
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

        ck_assert_int_eq(junit_new(path, &reporter), 0);
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
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_lt(st.st_size, 30 * 1000 * 1000);
}
END_TEST

START_TEST(junit_unfinished_run_leaves_nothing)
{
        Reporter *reporter;

        ck_assert_int_eq(junit_new(path, &reporter), 0);
        emit(reporter, started(2));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        reporter_free(reporter);
        ck_assert_int_eq(rmdir(directory), 0);
        ck_assert_int_eq(mkdir(directory, 0700), 0);
}
END_TEST

START_TEST(junit_bad_path_is_told_at_once)
{
        Reporter *reporter;

        ck_assert_int_eq(junit_new("/nowhere/x.xml", &reporter), -ENOENT);
        ck_assert_int_eq(junit_new(directory, &reporter), -EISDIR);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-junit");
        TCase *tcase = tcase_create("junit");
        SRunner *runner;
        int failed;

        tcase_set_timeout(tcase, 100);
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, junit_outcomes_and_counts_agree);
        tcase_add_test(tcase, junit_bad_verdict_without_a_bad_test_is_an_error);
        tcase_add_test(tcase, junit_hostile_results_stay_well_formed);
        tcase_add_test(tcase, junit_much_output_stays_below_what_servers_take);
        tcase_add_test(tcase, junit_unfinished_run_leaves_nothing);
        tcase_add_test(tcase, junit_bad_path_is_told_at_once);
        suite_add_tcase(suite, tcase);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
