/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "report/html-output.h"
#include "report/html-spool.h"
#include "report/html-summary.h"
#include "report/html-text.h"
#include "test-record-sample.h"
#include "test-rounds.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";
static char path[64];

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/page.html", directory);
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
        event->time_usec = 1000 * USEC_PER_SEC;
        event->run_started.planned = planned;
        event->run_started.workers = 2;
        event->run_started.version = strdup("1");
        event->run_started.backend = strdup("plain");
        event->run_started.hostname = strdup("host");
        event->run_started.command = strdup("ptest run");
        return event;
}

static Event *finished(Verdict verdict) {
        Event *event;

        ck_assert_int_eq(event_new(EVENT_RUN_FINISHED, SD_ID128_NULL, "suite", &event), 0);
        event->time_usec = 1010 * USEC_PER_SEC;
        event->run_finished.verdict = verdict;
        event->run_finished.duration_usec = 10 * USEC_PER_SEC;
        return event;
}

static Event *tested(EventKind kind, const char *address, Outcome outcome, unsigned attempt) {
        Event *event;

        ck_assert_int_eq(event_new(kind, SD_ID128_NULL, "suite", &event), 0);
        ck_assert_int_eq(result_new(address, &event->result), 0);
        event->result->outcome = outcome;
        event->result->attempt = attempt;
        event->result->slot = event->result->generation = 1;
        event->result->start_usec = 1001 * USEC_PER_SEC;
        event->result->duration_usec = USEC_PER_SEC;
        return event;
}

static char *read_page(void) {
        char *data;

        ck_assert_int_eq(file_read(path, 64 * MIB, &data, NULL), 0);
        return data;
}

static size_t count(const char *page, const char *what) {
        size_t n = 0;

        for (; (page = strstr(page, what)); page += strlen(what))
                n++;
        return n;
}

static void assert_text(const char *text, const char *expected) {
        Buffer html = {};
        char *s;

        html_add_string(&html, text);
        s = buffer_take_string(&html);
        ck_assert_str_eq(s, expected);
        free(s);
}

START_TEST(text_has_no_meaning_in_html)
{
        assert_text("a", "a");
        assert_text(NULL, "");
        assert_text("<b a=\"1\" b='2'>&amp;", "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;");
        assert_text("a\nb\x1b\xff", "a\\nb\\x1b\\xff");
        assert_text("\xe2\x80\xae", "\\xe2\\x80\\xae");
        assert_text("\xef\xbf\xbf", "\xef\xbf\xbd");
}
END_TEST

START_TEST(json_cannot_end_its_script)
{
        Buffer json = {};
        char *s;

        html_add_json(&json, "</script>\"\\&<!--\n");
        s = buffer_take_string(&json);
        ck_assert_str_eq(s, "\"\\u003c/script\\u003e\\\"\\\\\\u0026\\u003c!--\\\\n\"");
        free(s);
}
END_TEST

START_TEST(counts_have_separators)
{
        Buffer html = {};
        char *s;

        html_add_count(&html, 0);
        buffer_add_string(&html, " ");
        html_add_count(&html, 999);
        buffer_add_string(&html, " ");
        html_add_count(&html, 1000);
        buffer_add_string(&html, " ");
        html_add_count(&html, UINT64_MAX);
        s = buffer_take_string(&html);
        ck_assert_str_eq(s, "0 999 1,000 18,446,744,073,709,551,615");
        free(s);
}
END_TEST

START_TEST(spool_gives_back_what_was_added)
{
        HtmlSpool spool;
        char data[6];

        /* Where there can be no file it is in memory. */
        ck_assert_int_eq(html_spool_open(&spool, "/proc"), 0);
        buffer_fill(&spool.buffer, 'x', 300000);
        ck_assert_int_eq(html_spool_flush(&spool), 0);
        ck_assert_uint_eq(spool.buffer.size, 0);
        buffer_add_string(&spool.buffer, "12345");
        ck_assert_uint_eq(html_spool_tell(&spool), 300005);
        ck_assert_int_eq(html_spool_read(&spool, 299999, data, 6), 0);
        ck_assert_mem_eq(data, "x12345", 6);
        ck_assert_int_eq(html_spool_read(&spool, 300000, data, 6), -EIO);
        html_spool_done(&spool);
}
END_TEST

START_TEST(ranking_has_the_largest_and_keeps_the_first_of_equals)
{
        HtmlRanking ranking = {};

        for (unsigned i = 0; i < 50; i++) {
                Result *result;
                char name[20];

                snprintf(name, sizeof(name), "t%u", i);
                ck_assert_int_eq(result_new(name, &result), 0);
                ck_assert_int_eq(html_ranking_add(&ranking, result, i * 7 % 25), 0);
                result_free(result);
        }
        ck_assert_uint_eq(ranking.n_rows, HTML_RANKING_MAX);
        for (unsigned i = 0; i < HTML_RANKING_MAX; i++)
                ck_assert_uint_eq(ranking.rows[i].value, 24 - i / 2);
        /* 7 * 7 % 25 and 7 * 32 % 25 are both 24. */
        ck_assert_str_eq(ranking.rows[0].address, "t7");
        ck_assert_str_eq(ranking.rows[1].address, "t32");
        html_ranking_done(&ranking);
}
END_TEST

START_TEST(output_keeps_head_and_tail_and_counts_the_rest)
{
        const HtmlOutputLimits limits = { .head = 20, .tail = 20 };
        Buffer html = {};
        Result *result;
        char *s;

        ck_assert_int_eq(result_new("t", &result), 0);
        result->out.data = strdup("first\nsecond\nthird\nmiddle <1>\nmiddle <2>\nlast\nend <b>\n");
        result->out.size = result->out.total = strlen(result->out.data);
        html_output_add(&html, result, &limits);
        s = buffer_take_string(&html);
        ck_assert_ptr_nonnull(strstr(s, "first\nsecond\nthird\n"));
        ck_assert_ptr_nonnull(strstr(s, "last\nend &lt;b&gt;\n"));
        ck_assert_ptr_null(strstr(s, "middle"));
        ck_assert_ptr_nonnull(strstr(s, "2 lines, 20 bytes left out"));
        free(s);
        result_free(result);
}
END_TEST

START_TEST(output_with_a_broken_order_is_shown)
{
        const HtmlOutputLimits limits = { .head = 100, .tail = 100 };
        Buffer html = {};
        Result *result;
        char *s;

        ck_assert_int_eq(result_new("t", &result), 0);
        result->out.data = strdup("one\n");
        result->err.data = strdup("two\n");
        result->out.size = result->out.total = result->err.size = result->err.total = 4;
        result->order = strdup("o2 x y");
        html_output_add(&html, result, &limits);
        s = buffer_take_string(&html);
        ck_assert_ptr_nonnull(strstr(s, "one\n<span class=\"err\">two</span>\n</pre>"));
        free(s);
        result_free(result);
}
END_TEST

START_TEST(output_cuts_long_lines)
{
        const HtmlOutputLimits limits = { .head = 10000, .tail = 10000 };
        Buffer html = {};
        Result *result;
        char *s;

        ck_assert_int_eq(result_new("t", &result), 0);
        result->err.data = malloc(MIB);
        memset(result->err.data, '\xc3', MIB);
        result->err.size = result->err.total = MIB;
        html_output_add(&html, result, &limits);
        s = buffer_take_string(&html);
        ck_assert_uint_lt(strlen(s), 64 * KIB);
        ck_assert_ptr_nonnull(strstr(s, "of this line left out"));
        free(s);
        result_free(result);
}
END_TEST

START_TEST(page_has_each_test_and_a_card_for_what_failed)
{
        Reporter *reporter;
        Event *event;
        char *page;

        ck_assert_int_eq(html_new(path, &reporter), 0);
        emit(reporter, started(3));
        emit(reporter, tested(EVENT_TEST_FINISHED, "good", PTEST_OUTCOME_PASS, 1));
        emit(reporter, tested(EVENT_TEST_FINISHED, "bad", PTEST_OUTCOME_FAIL, 1));
        emit(reporter, tested(EVENT_ATTEMPT_FINISHED, "again", PTEST_OUTCOME_CRASH, 1));
        emit(reporter, tested(EVENT_ATTEMPT_FINISHED, "other", PTEST_OUTCOME_FAIL, 1));
        event = tested(EVENT_TEST_FINISHED, "again", PTEST_OUTCOME_PASS, 2);
        event->result->marks = PTEST_MARK_FLAKY;
        emit(reporter, event);
        ck_assert_int_eq(access(path, F_OK), -1);
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);

        page = read_page();
        ck_assert_uint_eq(count(page, "<tr><td class=\"o-"), 3);
        ck_assert_uint_eq(count(page, "<details class=\"card o-fail\""), 1);
        ck_assert_uint_eq(count(page, "<details class=\"card o-pass\""), 1);
        ck_assert_uint_eq(count(page, "<details class=\"attempt o-crash\""), 1);
        ck_assert_uint_eq(count(page, "<details class=\"attempt o-fail\""), 0);
        ck_assert_uint_eq(count(page, "data-slot=\"2\""), 1);
        ck_assert_ptr_null(strstr(page, "class=\"history\""));
        free(page);
}
END_TEST

static int give_history(
                const Event *event,
                char *const *tests,
                HtmlHistoryRun **ret,
                size_t *ret_n,
                void *userdata) {
        ck_assert_uint_eq(event->time_usec, 1000 * USEC_PER_SEC);
        ck_assert_uint_eq(strv_length(tests), 2);
        ck_assert_str_eq(tests[0], "bad");
        *ret = calloc(2, sizeof(HtmlHistoryRun));
        ck_assert_ptr_nonnull(*ret);
        (*ret)[0].verdict = VERDICT_FAILED;
        (*ret)[0].duration_usec = UINT64_MAX / 2;
        (*ret)[1].tally.planned = (*ret)[1].tally.count[PTEST_OUTCOME_PASS] = 7;
        (*ret)[0].outcomes = malloc(2);
        (*ret)[1].outcomes = malloc(2);
        ck_assert(userdata && (*ret)[0].outcomes && (*ret)[1].outcomes);
        (*ret)[0].outcomes[0] = PTEST_OUTCOME_FAIL;
        (*ret)[1].outcomes[0] = (*ret)[0].outcomes[1] = PTEST_OUTCOME_PASS;
        (*ret)[1].outcomes[1] = PTEST_OUTCOME_MAX;
        *ret_n = 2;
        return 0;
}

START_TEST(page_has_a_strip_of_the_runs_before)
{
        Reporter *reporter;
        char *page;
        Event *event;

        ck_assert_int_eq(html_new(path, &reporter), 0);
        html_set_history(reporter, give_history, directory);
        emit(reporter, started(2));
        emit(reporter, tested(EVENT_TEST_FINISHED, "bad", PTEST_OUTCOME_FAIL, 1));
        event = tested(EVENT_TEST_FINISHED, "flaky", PTEST_OUTCOME_PASS, 1);
        event->result->marks = PTEST_MARK_FLAKY;
        emit(reporter, event);
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        page = read_page();
        ck_assert_ptr_nonnull(strstr(page, "2 runs before, 1 passed"));
        ck_assert_ptr_nonnull(strstr(page, "7 passed"));
        ck_assert_uint_eq(count(page, "<span class=\"tip\">"), 3);
        ck_assert_ptr_nonnull(strstr(page, "It failed in 1 of the 2 runs before"));
        ck_assert_ptr_nonnull(strstr(page, "It was well in the 1 run before"));
        ck_assert_uint_eq(count(page, "<li class=\"o-fail\""), 1);
        ck_assert_uint_eq(count(page, "<li class=\"o-pass\""), 2);
        free(page);
}
END_TEST

/* A test that began 60 s after the run by the clock, and 10 s by the run's. */
START_TEST(page_leaves_out_the_time_of_pauses)
{
        Reporter *reporter;
        Event *event;
        char *page;

        ck_assert_int_eq(html_new(path, &reporter), 0);
        emit(reporter, started(1));
        ck_assert_int_eq(event_new(EVENT_RUN_PAUSED, SD_ID128_NULL, "suite", &event), 0);
        event->time_usec = 1005 * USEC_PER_SEC;
        emit(reporter, event);
        ck_assert_int_eq(event_new(EVENT_RUN_CONTINUED, SD_ID128_NULL, "suite", &event), 0);
        event->time_usec = 1055 * USEC_PER_SEC;
        emit(reporter, event);
        event = tested(EVENT_TEST_FINISHED, "late", PTEST_OUTCOME_PASS, 1);
        event->result->start_usec = 1060 * USEC_PER_SEC;
        emit(reporter, event);
        emit(reporter, finished(VERDICT_PASSED));
        reporter_free(reporter);
        page = read_page();
        ck_assert_ptr_nonnull(strstr(page, "data-length=\"11000000\""));
        ck_assert_ptr_nonnull(strstr(page, "<title>Paused for 50s</title>"));
        ck_assert_ptr_nonnull(strstr(page, "[\"late\",0,0,1000000,0,-1,1,1,1,10000000,"));
        free(page);
}
END_TEST

/* Events with whatever can be in them, in an order that makes sense and in one that does not. */
START_TEST(page_of_hostile_events_lets_nothing_out)
{
        static const EventKind kinds[] = {
                EVENT_TEST_FINISHED,  EVENT_TEST_FINISHED,  EVENT_ATTEMPT_FINISHED,
                EVENT_WORKER_STARTED, EVENT_WORKER_STOPPED, EVENT_WORKER_STUCK,
                EVENT_WORKER_LOST,    EVENT_FIXTURE_FAILED, EVENT_TESTS_FOUND,
                EVENT_RUN_PAUSED,     EVENT_RUN_CONTINUED,
        };
        Reporter *reporter;
        size_t n_tests = 0;
        Event *event;
        char *page;

        sample_seed((uint64_t)_i + 5);
        ck_assert_int_eq(html_new(path, &reporter), 0);
        emit(reporter, sample_event_of_run(EVENT_RUN_STARTED, SD_ID128_NULL));
        for (unsigned i = 0; i < rounds(1500); i++) {
                EventKind kind = kinds[sample_random() % ELEMENTSOF(kinds)];

                n_tests += kind == EVENT_TEST_FINISHED;
                emit(reporter, sample_event_of_run(kind, SD_ID128_NULL));
        }
        event = sample_event_of_run(EVENT_RUN_FINISHED, SD_ID128_NULL);
        emit(reporter, event);
        reporter_free(reporter);

        page = read_page();
        ck_assert(text_is_utf8(page, strlen(page)));
        ck_assert_uint_eq(count(page, "<tr><td class=\"o-"), n_tests);
        ck_assert_uint_eq(count(page, "]]>"), 0);
        ck_assert_uint_eq(count(page, "\x1b"), 0);
        ck_assert_uint_eq(count(page, "<script"), 3);
        ck_assert_uint_eq(count(page, "</script>"), 3);
        ck_assert_uint_eq(count(page, "<details") - count(page, "</details>"), 0);
        free(page);
}
END_TEST

START_TEST(page_of_many_failures_is_bounded)
{
        Reporter *reporter;
        struct stat st;
        char *page;

        ck_assert_int_eq(html_new(path, &reporter), 0);
        emit(reporter, started(3000));
        for (unsigned i = 0; i < 3000; i++) {
                char name[20];
                Event *event;

                snprintf(name, sizeof(name), "t%u", i);
                event = tested(EVENT_TEST_FINISHED, name, PTEST_OUTCOME_FAIL, 1);
                event->result->out.size = event->result->out.total = 60000;
                event->result->out.data = malloc(60001);
                for (size_t k = 0; k < 60000; k++)
                        event->result->out.data[k] = k % 60 == 59 ? '\n' : '<';
                emit(reporter, event);
        }
        emit(reporter, finished(VERDICT_FAILED));
        reporter_free(reporter);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_lt(st.st_size, 30 * 1000 * 1000);
        page = read_page();
        ck_assert_uint_eq(count(page, "<tr><td class=\"o-fail"), 3000);
        ck_assert_ptr_nonnull(strstr(page, "the page has no room for more output"));
        ck_assert_ptr_nonnull(strstr(page, "2,980 more"));
        free(page);
}
END_TEST

START_TEST(page_of_an_unfinished_run_leaves_nothing)
{
        Reporter *reporter;

        ck_assert_int_eq(html_new(path, &reporter), 0);
        emit(reporter, started(2));
        emit(reporter, tested(EVENT_ATTEMPT_FINISHED, "a", PTEST_OUTCOME_FAIL, 1));
        reporter_free(reporter);
        ck_assert_int_eq(rmdir(directory), 0);
        ck_assert_int_eq(mkdir(directory, 0700), 0);
}
END_TEST

START_TEST(page_takes_no_event_before_the_first)
{
        Reporter *reporter;
        Event *event = finished(VERDICT_PASSED);

        ck_assert_int_eq(html_new(path, &reporter), 0);
        ck_assert_int_eq(reporter_on_event(reporter, event), -EINVAL);
        event_free(event);
        reporter_free(reporter);
}
END_TEST

START_TEST(page_at_a_bad_path_is_told_at_once)
{
        Reporter *reporter;

        ck_assert_int_eq(html_new("/nowhere/x.html", &reporter), -ENOENT);
        ck_assert_int_eq(html_new(directory, &reporter), -EISDIR);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-html");
        TCase *tcase = tcase_create("html");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, text_has_no_meaning_in_html);
        tcase_add_test(tcase, json_cannot_end_its_script);
        tcase_add_test(tcase, counts_have_separators);
        tcase_add_test(tcase, spool_gives_back_what_was_added);
        tcase_add_test(tcase, ranking_has_the_largest_and_keeps_the_first_of_equals);
        tcase_add_test(tcase, output_keeps_head_and_tail_and_counts_the_rest);
        tcase_add_test(tcase, output_with_a_broken_order_is_shown);
        tcase_add_test(tcase, output_cuts_long_lines);
        tcase_add_test(tcase, page_has_each_test_and_a_card_for_what_failed);
        tcase_add_test(tcase, page_has_a_strip_of_the_runs_before);
        tcase_add_test(tcase, page_leaves_out_the_time_of_pauses);
        tcase_add_loop_test(tcase, page_of_hostile_events_lets_nothing_out, 0, 4);
        tcase_add_test(tcase, page_of_many_failures_is_bounded);
        tcase_add_test(tcase, page_of_an_unfinished_run_leaves_nothing);
        tcase_add_test(tcase, page_takes_no_event_before_the_first);
        tcase_add_test(tcase, page_at_a_bad_path_is_told_at_once);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
