/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/record.h"

#include <errno.h>
#include <string.h>

#include <check.h>

#include "test-runner.h"

START_TEST(record_keeps_order_repeats_and_bytes)
{
        Record *record;

        ck_assert_int_eq(record_new(&record), 0);
        ck_assert_int_eq(record_add_string(record, "A", "one"), 0);
        ck_assert_int_eq(record_add(record, "B", "x\0y\n", 4), 0);
        ck_assert_int_eq(record_addf(record, "A", "%0300d", 7), 0);
        ck_assert_uint_eq(record->n_fields, 3);
        ck_assert_str_eq(record_get(record, "A"), "one");
        ck_assert_uint_eq(record_find_next(record, record_find(record, "A"))->size, 300);
        ck_assert_ptr_null(record_find_next(record, record->fields + 2));
        ck_assert_uint_eq(record_find(record, "B")->size, 4);
        ck_assert_ptr_null(record_get(record, "B")); /* has a NUL */
        ck_assert_ptr_null(record_get(record, "C"));
        record_free(record);
}
END_TEST

START_TEST(record_reset_reuses_its_memory)
{
        char large[10000];
        Record *record;
        const char *first;

        memset(large, 'x', sizeof(large));
        ck_assert_int_eq(record_new(&record), 0);
        ck_assert_int_eq(record_add_string(record, "A", "one"), 0);
        first = record_get(record, "A");
        for (unsigned i = 0; i < 100; i++) {
                record_reset(record);
                ck_assert_uint_eq(record->n_fields, 0);
                ck_assert_int_eq(record_add_string(record, "A", "two"), 0);
                ck_assert_ptr_eq(record_get(record, "A"), first);
                ck_assert_int_eq(record_add(record, "L", large, sizeof(large)), 0);
                ck_assert_int_eq(record_add_string(record, "B", "three"), 0);
                ck_assert_str_eq(record_get(record, "A"), "two");
                ck_assert_uint_eq(record_find(record, "L")->size, sizeof(large));
        }
        record_free(record);
}
END_TEST

START_TEST(record_refuses_what_a_journal_drops)
{
        char name[70];
        Record *record;

        memset(name, 'A', sizeof(name));
        ck_assert(record_name_is_valid(name, 64));
        ck_assert(!record_name_is_valid(name, 65));
        ck_assert(record_name_is_valid("_A1", 3));
        ck_assert(!record_name_is_valid("", 0));
        ck_assert(!record_name_is_valid("1A", 2));
        ck_assert(!record_name_is_valid("a", 1));
        ck_assert(!record_name_is_valid("A-B", 3));

        ck_assert_int_eq(record_new(&record), 0);
        ck_assert_int_eq(record_add_string(record, "lower", "x"), -EINVAL);
        for (unsigned i = 0; i < RECORD_FIELDS_MAX; i++)
                ck_assert_int_eq(record_add_string(record, "A", "x"), 0);
        ck_assert_int_eq(record_add_string(record, "A", "x"), -E2BIG);
        record_free(record);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-record");
        TCase *tcase = tcase_create("record");

        tcase_add_test(tcase, record_keeps_order_repeats_and_bytes);
        tcase_add_test(tcase, record_reset_reuses_its_memory);
        tcase_add_test(tcase, record_refuses_what_a_journal_drops);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
