/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <jansson.h>

#include "basic/text.h"
#include "test-report-sample.h"

#include "test-rounds.h"
#include "test-runner.h"

static json_t *parse_line(const char *line) {
        json_error_t error;
        json_t *object = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

        ck_assert_msg(json_is_object(object), "%s: %.200s", error.text, line);
        return object;
}

static json_t *report_one(Event *event) {
        Reporter *reporter;
        char *data;
        json_t *object;

        ck_assert_int_eq(jsonl_new(report_path, &reporter), 0);
        emit(reporter, event);
        reporter_free(reporter);
        data = report_read();
        ck_assert_ptr_eq(strchr(data, '\n'), data + strlen(data) - 1);
        object = parse_line(data);
        free(data);
        return object;
}

static const char *get(json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "(none)";
}

START_TEST(jsonl_has_the_fields_of_the_record)
{
        Event *event = tested("a", PTEST_OUTCOME_CRASH, "SIGSEGV");
        json_t *object, *point;

        event->time_usec = 1234567890123456;
        event->result->signal = 11;
        event->result->core_dumped = true;
        event->result->marks = PTEST_MARK_SLOW | PTEST_MARK_LEAKY;
        ck_assert_int_eq(result_add_point(event->result, PTEST_OUTCOME_SKIP, 3, "p#1", "why"), 0);
        ck_assert_int_ge(strv_extend(&event->result->leaks, "12 sleep 1000"), 0);
        object = report_one(event);
        ck_assert_int_eq(json_integer_value(json_object_get(object, "format")), 1);
        ck_assert_str_eq(get(object, "event"), "test-finished");
        ck_assert_str_eq(get(object, "test"), "a");
        ck_assert_str_eq(get(object, "outcome"), "crash");
        ck_assert_str_eq(get(object, "signal"), "SIGSEGV");
        ck_assert(json_is_true(json_object_get(object, "core_dumped")));
        ck_assert_int_eq(
                        json_integer_value(json_object_get(object, "time_usec")), 1234567890123456);
        ck_assert_uint_eq(json_array_size(json_object_get(object, "mark")), 2);
        ck_assert_str_eq(
                        json_string_value(json_array_get(json_object_get(object, "leaks"), 0)),
                        "12 sleep 1000");
        point = json_array_get(json_object_get(object, "points"), 0);
        ck_assert_str_eq(get(point, "outcome"), "skip");
        ck_assert_str_eq(get(point, "name"), "p#1");
        ck_assert_str_eq(get(point, "reason"), "why");
        ck_assert_int_eq(json_integer_value(json_object_get(point, "number")), 3);
        ck_assert_ptr_null(json_object_get(object, "message"));
        ck_assert_ptr_null(json_object_get(object, "stdout"));
        json_decref(object);
}
END_TEST

START_TEST(jsonl_counts_are_numbers_by_outcome)
{
        Event *event = finished(VERDICT_FAILED);
        json_t *object, *count;

        event->run_finished.tally.count[PTEST_OUTCOME_PASS] = 12;
        event->run_finished.tally.count[PTEST_OUTCOME_NOT_RUN] = 1;
        event->run_finished.tally.marked_flaky = 2;
        object = report_one(event);
        count = json_object_get(object, "count");
        ck_assert_uint_eq(json_object_size(count), 3);
        ck_assert_int_eq(json_integer_value(json_object_get(count, "pass")), 12);
        ck_assert_int_eq(json_integer_value(json_object_get(count, "not-run")), 1);
        ck_assert_int_eq(json_integer_value(json_object_get(count, "flaky")), 2);
        ck_assert_str_eq(get(object, "verdict"), "failed");
        json_decref(object);
}
END_TEST

/* Each length has its own end in base64. */
START_TEST(jsonl_bytes_that_are_no_text_are_kept)
{
        static const struct {
                const char *data;
                size_t size;
                const char *text;
                size_t text_size;
                const char *base64; /* NULL: it is text */
        } cases[] = {
                {"a\0b\n",              4, "a\0b\n",                             4, NULL      },
                { "\xff",               1, "\xef\xbf\xbd",                       3, "/w=="    },
                { "a\xff",              2, "a\xef\xbf\xbd",                      4, "Yf8="    },
                { "a\xff\xe2",          3, "a\xef\xbf\xbd\xef\xbf\xbd",          7, "Yf/i"    },
                { "\xc3\xa4\0\xed\xa0", 5, "\xc3\xa4\0\xef\xbf\xbd\xef\xbf\xbd", 9, "w6QA7aA="},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Event *event = tested("a", PTEST_OUTCOME_PASS, NULL);
                json_t *object, *text;

                output_set(&event->result->err, cases[i].data, cases[i].size);
                object = report_one(event);
                text = json_object_get(object, "stderr");
                ck_assert_uint_eq(json_string_length(text), cases[i].text_size);
                ck_assert_mem_eq(json_string_value(text), cases[i].text, cases[i].text_size);
                ck_assert_str_eq(get(object, "stderr_base64"), cases[i].base64 ?: "(none)");
                json_decref(object);
        }
}
END_TEST

START_TEST(jsonl_hostile_events_are_a_line_each)
{
        Reporter *reporter;
        size_t n = 0;
        char *data, *line, *rest;

        ck_assert_int_eq(jsonl_new(report_path, &reporter), 0);
        emit_hostile_run(reporter, 17, 500);
        reporter_free(reporter);
        data = rest = report_read();
        for (const char *p = data; *p; p++)
                if (*p != '\n' && (*p < ' ' || (*p & 0x80)))
                        ck_abort_msg("byte %i", *p);
        while ((line = strsep(&rest, "\n")) && rest) {
                json_decref(parse_line(line));
                n++;
        }
        ck_assert_uint_eq(n, 1 + 500 + 50 + 25 + 1);
        free(data);
}
END_TEST

START_TEST(jsonl_is_the_same_of_events_read_back)
{
        for (EventKind kind = 0; kind < EVENT_KIND_MAX; kind++)
                for (unsigned i = 0; i < rounds(20); i++) {
                        _cleanup_(record_freep) Record *record = NULL;
                        Event *event, *back;
                        json_t *live, *later;

                        sample_seed(100 * kind + i);
                        event = sample_event_of_run(kind, SD_ID128_NULL);
                        ck_assert_int_eq(event_to_record(event, &record), 0);
                        ck_assert_int_eq(event_from_record(record, &back), 0);
                        live = report_one(event);
                        later = report_one(back);
                        ck_assert(json_equal(live, later));
                        json_decref(live);
                        json_decref(later);
                }
}
END_TEST

START_TEST(jsonl_unwritable_output_is_an_error)
{
        Reporter *reporter;
        Event *event = started(1);

        ck_assert_int_eq(jsonl_new("/nowhere/report", &reporter), -ENOENT);
        ck_assert_int_eq(jsonl_new("/dev/full", &reporter), 0);
        ck_assert_int_eq(reporter_on_event(reporter, event), -ENOSPC);
        event_free(event);
        reporter_free(reporter);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-jsonl");
        TCase *tcase = tcase_create("jsonl");

        tcase_add_checked_fixture(tcase, report_set_up, report_tear_down);
        tcase_add_test(tcase, jsonl_has_the_fields_of_the_record);
        tcase_add_test(tcase, jsonl_counts_are_numbers_by_outcome);
        tcase_add_test(tcase, jsonl_bytes_that_are_no_text_are_kept);
        tcase_add_test(tcase, jsonl_hostile_events_are_a_line_each);
        tcase_add_test(tcase, jsonl_is_the_same_of_events_read_back);
        tcase_add_test(tcase, jsonl_unwritable_output_is_an_error);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
