/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/event.h"

#include "ptest/journal.h"

#include <errno.h>
#include <stdio.h>

#include "test-record-sample.h"
#include "test-rounds.h"
#include "test-runner.h"

static void assert_round_trip(const Event *event) {
        Record *record;
        Event *back;

        ck_assert_int_eq(event_to_record(event, &record), 0);
        ck_assert_int_eq(event_from_record(record, &back), 0);
        assert_event(event, back);
        event_free(back);
        record_free(record);
}

START_TEST(event_random_comes_back_exactly)
{
        for (uint64_t seed = 1; seed <= rounds(3000); seed++) {
                Event *event;

                sample_seed(seed);
                event = sample_event();
                assert_round_trip(event);
                event_free(event);
        }
}
END_TEST

START_TEST(event_with_most_points_fits_a_journal_entry)
{
        Event *event;

        ck_assert_int_eq(event_new(EVENT_TEST_FINISHED, SD_ID128_NULL, "s", &event), 0);
        ck_assert_int_eq(result_new("t", &event->result), 0);
        for (unsigned i = 1; i <= RESULT_POINTS_MAX; i++)
                ck_assert_int_eq(
                                result_add_point(
                                                event->result, PTEST_OUTCOME_PASS, i, "same", NULL),
                                0);
        assert_round_trip(event);
        event_free(event);
}
END_TEST

START_TEST(event_message_is_one_line_for_a_person)
{
        Record *record;
        Event *event;

        ck_assert_int_eq(event_new(EVENT_TEST_FINISHED, SD_ID128_NULL, "s", &event), 0);
        ck_assert_int_eq(result_new("gobject/closure", &event->result), 0);
        event->result->outcome = PTEST_OUTCOME_FAIL;
        event->result->start_usec = 1;
        event->result->duration_usec = 2 * USEC_PER_SEC;
        ck_assert_int_eq(result_set_reason(event->result, "exit status 1"), 0);
        ck_assert_int_eq(event_to_record(event, &record), 0);
        ck_assert(strncmp(record_get(record, "MESSAGE"),
                          "gobject/closure: fail: exit status 1 (2",
                          39) == 0);
        ck_assert_str_eq(record_get(record, "PRIORITY"), "3");
        ck_assert_str_eq(record_get(record, "SYSLOG_IDENTIFIER"), "ptest");
        ck_assert_str_eq(record_get(record, "MESSAGE_ID"), PTEST_MESSAGE_TEST_FINISHED);
        record_free(record);
        event_free(event);

        for (uint64_t seed = 1; seed <= rounds(500); seed++) {
                sample_seed(seed);
                event = sample_event();
                ck_assert_int_eq(event_to_record(event, &record), 0);
                ck_assert_ptr_null(strchr(record_get(record, "MESSAGE"), '\n'));
                ck_assert_ptr_null(strchr(record_get(record, "MESSAGE"), '\x1b'));
                record_free(record);
                event_free(event);
        }
}
END_TEST

/* A good record with one field more, which comes before the good one and so wins. */
static int read_with(const char *name, const char *value) {
        Record *good, *record;
        Event *event;
        int r;

        ck_assert_int_eq(event_new(EVENT_TEST_FINISHED, SD_ID128_NULL, "s", &event), 0);
        ck_assert_int_eq(result_new("t", &event->result), 0);
        ck_assert_int_eq(event_to_record(event, &good), 0);
        event_free(event);
        ck_assert_int_eq(record_new(&record), 0);
        if (value)
                ck_assert_int_eq(record_add_string(record, name, value), 0);
        for (size_t i = 0; i < good->n_fields; i++)
                if (value || strcmp(good->fields[i].name, name) != 0)
                        ck_assert_int_eq(
                                        record_add(record,
                                                   good->fields[i].name,
                                                   good->fields[i].data,
                                                   good->fields[i].size),
                                        0);
        r = event_from_record(record, &event);
        if (r >= 0)
                event_free(event);
        record_free(record);
        record_free(good);
        return r;
}

START_TEST(event_from_record_checks_each_value)
{
        static const char *const bad[][2] = {
                {"MESSAGE_ID",             "990e3766e42d4f2580a80353c734d700"},
                { "MESSAGE_ID",            NULL                              },
                { PTEST_FIELD_RUN_ID,      "xyz"                             },
                { PTEST_FIELD_RUN_ID,      NULL                              },
                { PTEST_FIELD_SUITE,       NULL                              },
                { PTEST_FIELD_TEST,        NULL                              },
                { PTEST_FIELD_TEST,        "two\nlines"                      },
                { PTEST_FIELD_OUTCOME,     "good"                            },
                { PTEST_FIELD_OUTCOME,     NULL                              },
                { PTEST_FIELD_DURATION,    "-1"                              },
                { PTEST_FIELD_SLOT,        "4294967296"                      },
                { PTEST_FIELD_EXIT_STATUS, "99999999999"                     },
                { PTEST_FIELD_SIGNAL,      "SIGNOT"                          },
                { PTEST_FIELD_POINTS,      "pass one two"                    },
                { PTEST_FIELD_POINTS,      "pass"                            },
                { PTEST_FIELD_POINTS,      "pass 1"                          },
                { PTEST_FIELD_POINTS,      "pass 1 a\n\npass 2 b"            },
                { PTEST_FIELD_STDOUT_SIZE, "many"                            },
        };

        ck_assert_int_eq(read_with("OTHER", "x"), 0);
        ck_assert_int_eq(read_with(PTEST_FIELD_MARK, "new-mark"), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(read_with(bad[i][0], bad[i][1]) == -EBADMSG,
                              "%s=%s",
                              bad[i][0],
                              bad[i][1] ?: "(absent)");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-event");
        TCase *tcase = tcase_create("event");

        tcase_add_test(tcase, event_random_comes_back_exactly);
        tcase_add_test(tcase, event_with_most_points_fits_a_journal_entry);
        tcase_add_test(tcase, event_message_is_one_line_for_a_person);
        tcase_add_test(tcase, event_from_record_checks_each_value);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
