/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/growth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static Suite *suite;
static Plan *plan;
static Schedule *schedule;
static Recorder *recorder;
static EventLog event_log;
static Growth growth;
static size_t n_events, n_found, n_duplicates, n_planned;

static void on_event(const Event *event, void *userdata) {
        ck_assert_int_eq(event->kind, EVENT_TESTS_FOUND);
        n_events++;
        n_found += event->tests_found.found;
        n_duplicates += event->tests_found.duplicates;
        n_planned = event->tests_found.planned;
}

static const CoordinatorHandlers handlers = { .on_event = on_event };
static const CoordinatorConfig config = { .handlers = &handlers };

static Test *make_test(const char *address, const char *program, const char *name) {
        Test *test;

        ck_assert_int_eq(test_new(address, &test), 0);
        ck_assert_int_ge(strv_extend(&test->argv, program), 0);
        if (name)
                ck_assert_int_ge(strv_extend(&test->argv, name), 0);
        return test;
}

/* 0: a program that finds; 1: one without a command for that; 2: of a module, whose template is "each" */
static void setup(void) {
        Test *test;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(suite_new("s", &suite), 0);
        test = make_test("lister", "/bin/list", NULL);
        test->finds = true;
        test->priority = 3;
        ck_assert_int_ge(strv_extend(&test->found_argv, "/bin/run"), 0);
        ck_assert_int_eq(suite_add(suite, test), 0);
        test = make_test("other", "/bin/list", NULL);
        test->finds = true;
        ck_assert_int_eq(suite_add(suite, test), 0);
        test = make_test("m::outer::finder", "/m.so", "outer::finder");
        test->protocol = TEST_PROTOCOL_MODULE;
        ck_assert_int_eq(suite_add(suite, test), 0);
        test = make_test("m::each", "/m.so", "each");
        test->protocol = TEST_PROTOCOL_MODULE;
        test->should_fail = true;
        ck_assert_int_eq(suite_add_template(suite, test), 0);

        ck_assert_int_eq(plan_new(suite->n_tests, &plan), 0);
        ck_assert_int_eq(schedule_new(suite, 1, &schedule), 0);
        ck_assert_int_eq(recorder_new(directory, "s", SD_ID128_NULL, false, &recorder), 0);
        event_log = (EventLog){ .config = &config, .suite = suite, .recorder = recorder };
        growth = (Growth){ .suite = suite, .plan = plan, .schedule = schedule, .log = &event_log };
        n_events = n_found = n_duplicates = n_planned = 0;
}

static void teardown(void) {
        growth_done(&growth);
        event_log_done(&event_log);
        recorder_free(recorder);
        schedule_free(schedule);
        plan_free(plan);
        suite_free(suite);
        ck_assert_int_eq(dir_remove(directory), 0);
}

/* What is found in one message: words that are split at spaces, "_" stands for one in a word. */
static void find(uint32_t finder, const char *text) {
        char **words = NULL, **items[1];

        ck_assert_int_ge(strv_split(text, " ", &words), 0);
        strv_for_each(word, words)
                for (char *p = strchr(*word, '_'); p; p = strchr(p, '_'))
                        *p = ' ';
        items[0] = words;
        growth_add(&growth, finder, items, 1);
        strv_free(words);
}

static Result *judge(uint32_t test, Outcome outcome, const char *reason) {
        Result *result;

        ck_assert_int_eq(result_new("t", &result), 0);
        result->outcome = outcome;
        if (reason)
                ck_assert_int_eq(result_set_reason(result, "%s", reason), 0);
        growth_judge(&growth, test, result);
        return result;
}

START_TEST(growth_of_a_program_runs_what_it_says_with_the_words)
{
        Test *test;

        find(0, "case one two_words");
        ck_assert_uint_eq(suite->n_tests, 4);
        ck_assert_int_eq(packed_test_unpack(suite->tests[3], &test), 0);
        ck_assert_str_eq(test->address, "lister::case[one two words]");
        ck_assert_uint_eq(strv_length(test->argv), 4);
        ck_assert_str_eq(test->argv[0], "/bin/run");
        ck_assert_str_eq(test->argv[3], "two words");
        ck_assert_int_eq(test->priority, 3);
        ck_assert(test->finds);
        test_free(test);
        ck_assert_uint_eq(schedule_count_waiting(schedule), 4);
        ck_assert_uint_eq(plan_get_tally(plan)->planned, 4);
        ck_assert_int_eq(plan_get_state(plan, 3), PLAN_WAITING);

        find(0, "plain");
        ck_assert_str_eq(suite->tests[4]->address, "lister::plain");
}
END_TEST

START_TEST(growth_of_a_module_takes_its_template)
{
        Test *test;

        find(2, "each[7]");
        ck_assert_uint_eq(suite->n_tests, 4);
        ck_assert_int_eq(packed_test_unpack(suite->tests[3], &test), 0);
        ck_assert_str_eq(test->address, "m::each[7]");
        ck_assert_str_eq(test->argv[0], "/m.so");
        ck_assert_str_eq(test->argv[1], "each[7]");
        ck_assert(test->should_fail);
        test_free(test);
}
END_TEST

START_TEST(growth_drops_what_is_there_already)
{
        find(0, "a");
        find(0, "a");
        find(2, "each[1]");
        find(2, "each[1]");
        growth_tell(&growth);
        ck_assert_uint_eq(suite->n_tests, 5);
        ck_assert_uint_eq(n_events, 2);
        ck_assert_uint_eq(n_found, 2);
        ck_assert_uint_eq(n_duplicates, 2);
        ck_assert_uint_eq(n_planned, 5);
        growth_tell(&growth);
        ck_assert_uint_eq(n_events, 2);
}
END_TEST

START_TEST(growth_makes_a_finder_an_error_that_found_no_test)
{
        static const struct {
                uint32_t finder;
                const char *words, *why;
        } bad[] = {
                {0,  "two\nlines",    "no valid address"},
                { 1, "a",             "no FoundExec="   },
                { 2, "another[1]",    "templates"       },
                { 2, "each",          "templates"       },
                { 2, "each[1] extra", "no valid address"},
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Result *result;

                find(bad[i].finder, bad[i].words);
                find(bad[i].finder, bad[i].words);
                ck_assert_uint_eq(suite->n_tests, 3);
                result = judge(bad[i].finder, PTEST_OUTCOME_PASS, NULL);
                ck_assert_int_eq(result->outcome, PTEST_OUTCOME_ERROR);
                ck_assert_msg(strstr(result->reason, bad[i].why) != NULL, "%s", result->reason);
                result_free(result);

                /* Told once: the next attempt is judged for itself. */
                result = judge(bad[i].finder, PTEST_OUTCOME_PASS, NULL);
                ck_assert_int_eq(result->outcome, PTEST_OUTCOME_PASS);
                result_free(result);
        }
        growth_tell(&growth);
        ck_assert_uint_eq(n_events, 0);
}
END_TEST

START_TEST(growth_leaves_a_failure_its_reason)
{
        Result *result;

        find(1, "a");
        result = judge(1, PTEST_OUTCOME_CRASH, "SIGSEGV");
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_CRASH);
        ck_assert(text_starts_with(result->reason, "SIGSEGV; it found \"a\""));
        result_free(result);
}
END_TEST

START_TEST(growth_to_many_tests_keeps_each_once)
{
        for (unsigned i = 0; i < 3000; i++) {
                char words[32];

                snprintf(words, sizeof(words), "c %u", i % 2000);
                find(0, words);
        }
        growth_tell(&growth);
        ck_assert_uint_eq(suite->n_tests, 2003);
        ck_assert_uint_eq(n_found, 2000);
        ck_assert_uint_eq(n_duplicates, 1000);
        ck_assert_uint_eq(schedule_count_waiting(schedule), 2003);
}
END_TEST

int main(void) {
        /* Check's, as everywhere: C sees one type. */
        Suite *checks = suite_create("coordinator-growth");
        TCase *tcase = tcase_create("growth");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, growth_of_a_program_runs_what_it_says_with_the_words);
        tcase_add_test(tcase, growth_of_a_module_takes_its_template);
        tcase_add_test(tcase, growth_drops_what_is_there_already);
        tcase_add_test(tcase, growth_makes_a_finder_an_error_that_found_no_test);
        tcase_add_test(tcase, growth_leaves_a_failure_its_reason);
        tcase_add_test(tcase, growth_to_many_tests_keeps_each_once);
        suite_add_tcase(checks, tcase);
        return suite_run(checks);
}
