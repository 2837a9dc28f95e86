/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/output-order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "test-runner.h"

static char *format(const OutputOrder *order) {
        char *text = NULL;

        ck_assert_int_eq(output_order_format(order, &text), 0);
        return text;
}

START_TEST(order_of_one_part_is_not_told)
{
        OutputOrder order = {};
        char *text = format(&order);

        ck_assert_ptr_null(text);
        ck_assert_int_eq(output_order_add(&order, false, 10, 0), 0);
        ck_assert_int_eq(output_order_add(&order, false, 10, 5 * USEC_PER_MSEC), 0);
        ck_assert_int_eq(output_order_add(&order, true, 0, USEC_PER_SEC), 0);
        text = format(&order);
        ck_assert_ptr_null(text);
        output_order_done(&order);
}
END_TEST

START_TEST(order_has_parts_and_times)
{
        _cleanup_free_ char *text = NULL;
        OutputOrder order = {};

        ck_assert_int_eq(output_order_add(&order, false, 120, 1000), 0);
        ck_assert_int_eq(output_order_add(&order, true, 33, 1500 * USEC_PER_MSEC), 0);
        ck_assert_int_eq(output_order_add(&order, false, 7, 1500 * USEC_PER_MSEC), 0);
        ck_assert_int_eq(output_order_add(&order, false, 5, 2 * USEC_PER_SEC), 0);
        text = format(&order);
        ck_assert_str_eq(text, "o120+1 e33+1499 o7 o5+500");
        output_order_done(&order);
}
END_TEST

START_TEST(order_of_many_parts_keeps_head_and_tail)
{
        _cleanup_free_ OutputPart *parts = NULL;
        _cleanup_free_ char *text = NULL;
        const uint64_t n = 10 * OUTPUT_ORDER_PARTS_MAX;
        OutputOrder order = {};
        size_t n_parts;

        for (uint64_t i = 0; i < n; i++)
                ck_assert_int_eq(output_order_add(&order, i % 2, 1000000, i * USEC_PER_MSEC), 0);
        text = format(&order);
        ck_assert_uint_lt(strlen(text), 20 * 2 * OUTPUT_ORDER_PARTS_MAX);
        ck_assert_int_eq(output_order_parse(text, &parts, &n_parts), 0);
        ck_assert_uint_eq(n_parts, 2 * OUTPUT_ORDER_PARTS_MAX);
        ck_assert_uint_eq(
                        parts[OUTPUT_ORDER_PARTS_MAX - 1].time_usec / USEC_PER_MSEC,
                        OUTPUT_ORDER_PARTS_MAX - 1);
        for (uint64_t i = 0; i < OUTPUT_ORDER_PARTS_MAX; i++) {
                const uint64_t at = n - OUTPUT_ORDER_PARTS_MAX + i;
                const OutputPart *part = &parts[OUTPUT_ORDER_PARTS_MAX + i];

                ck_assert_uint_eq(part->err, at % 2);
                ck_assert_uint_eq(part->offset, at / 2 * 1000000);
                ck_assert_uint_eq(part->time_usec, at * USEC_PER_MSEC);
        }
        output_order_done(&order);
}
END_TEST

START_TEST(parse_refuses_what_is_none)
{
        static const char *const bad[] = {
                "",
                " ",
                "o",
                "x1",
                "o1 ",
                "o1  e1",
                "1",
                "o-1",
                "o1+",
                "o@5",
                "o@5:",
                "o5 o@4:1",
                "o1,e1",
                "o18446744073709551616",
                "o18446744073709551615 o1",
                "o1+18446744073709551615",
                "o1+1 e1+18446744073709551615",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                OutputPart *parts = NULL;
                size_t n = 7;

                ck_assert_msg(output_order_parse(bad[i], &parts, &n) == -EBADMSG, "%s", bad[i]);
                ck_assert_ptr_null(parts);
                ck_assert_uint_eq(n, 7);
        }
}
END_TEST

static int add_line(const OutputLine *line, void *userdata) {
        char **text = userdata;
        char *more = NULL;

        if (line->gap)
                ck_assert_int_ge(
                                asprintf(&more,
                                         "%s%c(%zu)|",
                                         *text,
                                         line->err ? 'e' : 'o',
                                         line->size),
                                0);
        else
                ck_assert_int_ge(
                                asprintf(&more,
                                         "%s%c:%.*s|",
                                         *text,
                                         line->err ? 'e' : 'o',
                                         (int)line->size,
                                         line->data),
                                0);
        free(*text);
        *text = more;
        return 0;
}

/* What the lines of these two streams are, in one text. */
static char *lines(
                const char *out,
                uint64_t out_total,
                const char *err,
                uint64_t err_total,
                const char *order) {
        Result result = {
                .out = {.data = (char *)out,
                        .size = strlen(out),
                        .total = out_total ?: strlen(out)},
                .err = { .data = (char *)err,
                        .size = strlen(err),
                        .total = err_total ?: strlen(err)},
                .order = (char *)order,
        };
        char *text = strdup("");

        ck_assert_int_eq(output_order_for_each_line(&result, add_line, &text), 0);
        return text;
}

START_TEST(lines_cases)
{
        static const struct {
                const char *out;
                uint64_t out_total;
                const char *err;
                uint64_t err_total;
                const char *order, *expected;
        } cases[] = {
                {"",           0,   "",       0, NULL,          ""                           },
                { "a\nb\n",    0,   "c\n",    0, NULL,          "o:a|o:b|e:c|"               },
                { "a\nb\n",    0,   "c\n",    0, "o2 e2 o2",    "o:a|e:c|o:b|"               },
 /* A line is where it was completed. */
                { "ab\n",      0,   "c\n",    0, "o1 e2 o2",    "e:c|o:ab|"                  },
                { "a",         0,   "c\n",    0, "o1 e2",       "o:a|e:c|"                   },
                { "\n\n",      0,   "x",      0, "e1 o2",       "e:x|o:|o:|"                 },
 /* Dropped in the middle: head and tail are half each. */
                { "a\nbc\nd",  106, "x\n",    0, "o50 e2 o56",  "o:a|o:b|o(100)|e:x|o:c|o:d|"},
                { "a\nbc\nd",  106, "x\n",    0, "o3 e2 o103",  "o:a|o:b|e:x|o(100)|o:c|o:d|"},
                { "",          9,   "x\n",    0, "o9 e2",       "o(9)|e:x|"                  },
 /* An order that does not reach all, or reaches too far. */
                { "a\nb\n",    0,   "c\nd\n", 0, "o2 e2",       "o:a|e:c|o:b|e:d|"           },
                { "a\nb\n",    0,   "c\n",    0, "e9 o9",       "e:c|o:a|o:b|"               },
                { "a\nb\nc\n", 0,   "x\ny\n", 0, "o2 e2 o@4:2", "o:a|e:x|o:b|o:c|e:y|"       },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = lines(
                                cases[i].out,
                                cases[i].out_total,
                                cases[i].err,
                                cases[i].err_total,
                                cases[i].order);

                ck_assert_msg(strcmp(text, cases[i].expected) == 0,
                              "%zu: %s instead of %s",
                              i,
                              text,
                              cases[i].expected);
        }
}
END_TEST

START_TEST(lines_of_a_broken_order_are_refused)
{
        Result result = { .order = (char *)"x" };

        ck_assert_int_eq(output_order_for_each_line(&result, add_line, NULL), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/output-order");
        TCase *tcase = tcase_create("output-order");

        tcase_add_test(tcase, order_of_one_part_is_not_told);
        tcase_add_test(tcase, order_has_parts_and_times);
        tcase_add_test(tcase, order_of_many_parts_keeps_head_and_tail);
        tcase_add_test(tcase, parse_refuses_what_is_none);
        tcase_add_test(tcase, lines_cases);
        tcase_add_test(tcase, lines_of_a_broken_order_are_refused);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
