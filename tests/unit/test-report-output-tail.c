/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/output-tail.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "basic/text.h"
#include "test-runner.h"

static void assert_tail(
                const char *data,
                size_t lines,
                size_t bytes,
                const char *expected,
                bool truncated,
                size_t n) {
        ResultOutput output = { .data = (char *)data, .size = strlen(data), .total = strlen(data) };
        OutputTail tail;

        ck_assert_int_eq(output_tail_init(&tail, &output, lines, bytes), 0);
        ck_assert_str_eq(tail.text, expected);
        ck_assert_int_eq(tail.truncated, truncated);
        ck_assert_uint_eq(tail.n_lines, n);
        output_tail_done(&tail);
}

START_TEST(output_tail_takes_the_last_lines)
{
        assert_tail("", 2, 100, "", false, 0);
        assert_tail("\n\n", 2, 100, "", false, 0);
        assert_tail("a", 2, 100, "a", false, 1);
        assert_tail("a\nb\n", 2, 100, "a\nb", false, 2);
        assert_tail("a\nb\nc", 2, 100, "b\nc", true, 2);
        assert_tail("\nb\n", 1, 100, "b", true, 1);
        assert_tail("\nb\n", 2, 100, "\nb", false, 2);
        assert_tail("a\n\n\nb", 2, 100, "\nb", true, 2);
}
END_TEST

START_TEST(output_tail_long_line_loses_its_begin_between_characters)
{
        assert_tail("abcdef", 2, 3, "def", true, 1);
        assert_tail("ab\xe6\x97\xa5z", 2, 3, "z", true, 1);
        assert_tail("ab\xe6\x97\xa5z", 2, 4, "\xe6\x97\xa5z", true, 1);
}
END_TEST

static void assert_cut(
                const char *data,
                uint64_t total,
                size_t lines,
                const char *expected,
                bool truncated) {
        ResultOutput output = { .data = (char *)data, .size = strlen(data), .total = total };
        OutputTail tail;

        ck_assert_int_eq(output_tail_init(&tail, &output, lines, 100), 0);
        ck_assert_str_eq(tail.text, expected);
        ck_assert_int_eq(tail.truncated, truncated);
        output_tail_done(&tail);
}

START_TEST(output_tail_marks_what_was_not_kept)
{
        assert_cut("ab\nc"
                   "d\nef",
                   8,
                   9,
                   "ab\ncd\nef",
                   false);
        assert_cut("ab\nc"
                   "d\nef",
                   9,
                   9,
                   "ab\nc\n[1 bytes were not kept]\nd\nef",
                   false);
        assert_cut("abc\n"
                   "d\nef\n",
                   4711,
                   9,
                   "abc\n[4702 bytes were not kept]\nd\nef",
                   false);
        assert_cut("ab\nc"
                   "\n\n\n\n",
                   9,
                   9,
                   "ab\nc\n[1 bytes were not kept]",
                   false);
        /* It is not among the last lines. */
        assert_cut("ab\nc"
                   "d\nef",
                   9,
                   1,
                   "ef",
                   true);
        assert_cut("a", 9, 9, "a", false);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-output-tail");
        TCase *tcase = tcase_create("output-tail");

        tcase_add_test(tcase, output_tail_takes_the_last_lines);
        tcase_add_test(tcase, output_tail_long_line_loses_its_begin_between_characters);
        tcase_add_test(tcase, output_tail_marks_what_was_not_kept);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
