/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is kept of output (capture.c), and how it is cut into lines (lines.c)
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/capture.h"
#include "worker/lines.h"

#include "test-runner.h"

static void output_free(ResultOutput *output) {
        free(output->data);
}

/* Bytes whose value tells where they stood. */
static void fill(char *data, size_t size, size_t offset) {
        for (size_t i = 0; i < size; i++)
                data[i] = (char)((offset + i) * 31 + (offset + i) / 251);
}

/* Every limit, total and size of a piece gives the head and the tail of what was written. */
START_TEST(head_and_tail_are_kept)
{
        static const size_t limits[] = { 0, 1, 2, 7, 64, 1000 };
        static const size_t pieces[] = { 1, 3, 64, 700, 5000 };

        for (size_t l = 0; l < ELEMENTSOF(limits); l++)
                for (size_t p = 0; p < ELEMENTSOF(pieces); p++)
                        for (size_t total = 0; total < 2600; total += 97) {
                                _cleanup_(output_free) ResultOutput output = {};
                                _cleanup_(capture_done) Capture capture = {};
                                char all[2600];
                                size_t kept = MIN(total, limits[l]),
                                       head = MIN(total, limits[l] / 2);

                                fill(all, sizeof(all), 0);
                                capture_init(&capture, limits[l]);
                                for (size_t i = 0; i < total; i += pieces[p])
                                        ck_assert_int_eq(
                                                        capture_add(&capture,
                                                                    all + i,
                                                                    MIN(pieces[p], total - i)),
                                                        0);
                                ck_assert_int_eq(capture_take(&capture, &output), 0);

                                ck_assert_uint_eq(output.total, total);
                                ck_assert_uint_eq(output.size, kept);
                                if (kept == 0)
                                        continue;
                                ck_assert_int_eq(memcmp(output.data, all, head), 0);
                                ck_assert_int_eq(
                                                memcmp(output.data + head,
                                                       all + total - (kept - head),
                                                       kept - head),
                                                0);
                        }
}
END_TEST

START_TEST(limit_is_lowered_to_what_a_message_can_carry)
{
        _cleanup_(capture_done) Capture capture = {};

        capture_init(&capture, UINT64_MAX);
        ck_assert_uint_eq(capture.max, CAPTURE_MAX);
}
END_TEST

START_TEST(small_output_takes_little_memory)
{
        _cleanup_(capture_done) Capture capture = {};

        capture_init(&capture, MIB);
        ck_assert_int_eq(capture_add(&capture, "x", 1), 0);
        ck_assert_uint_le(capture.head_allocated, 4096);
        ck_assert_ptr_null(capture.tail);
}
END_TEST

static const struct {
        const char *text, *line;
} last_lines[] = {
        {"",                                                            NULL                    },
        { " \n\t\n",                                                    NULL                    },
        { "one",                                                        "one"                   },
        { "one\ntwo\n",                                                 "two"                   },
        { "one\n  two \r\n\n",                                          "two"                   },
        { "a\n\x1b[32mgreen\x1b[0m",                                    "\\x1b[32mgreen\\x1b[0m"},
        { "short\nthis one is longer than the limit of thirty bytes\n", NULL                    },
};

START_TEST(last_line_is_found_and_safe)
{
        ResultOutput output = {
                .data = (char *)last_lines[_i].text,
                .size = strlen(last_lines[_i].text),
        };
        _cleanup_free_ char *line = NULL;

        ck_assert_int_eq(capture_find_last_line(&output, 30, &line), 0);
        ck_assert_pstr_eq(line, last_lines[_i].line);
}
END_TEST

/* ---- Lines ---- */

static int line_append(const char *line, size_t size, void *userdata) {
        FILE *f = userdata;

        ck_assert_uint_le(size, LINES_MAX);
        fprintf(f, "[%.*s]", (int)MIN(size, (size_t)20), line);
        return 0;
}

START_TEST(lines_are_the_same_in_any_pieces)
{
        static const char text[] = "one\n\ntwo\r\nthree\r\r\n\nlast";

        for (size_t piece = 1; piece <= strlen(text); piece++) {
                _cleanup_(lines_done) Lines lines = {};
                _cleanup_free_ char *told = NULL;
                size_t told_size;
                FILE *f = open_memstream(&told, &told_size);

                for (size_t i = 0; i < strlen(text); i += piece)
                        ck_assert_int_eq(
                                        lines_feed(&lines,
                                                   text + i,
                                                   MIN(piece, strlen(text) - i),
                                                   line_append,
                                                   f),
                                        0);
                ck_assert_int_eq(lines_finish(&lines, line_append, f), 0);
                fclose(f);
                ck_assert_str_eq(told, "[one][][two][three\r][][last]");
        }
}
END_TEST

static int line_count(const char *line, size_t size, void *userdata) {
        size_t *longest = userdata;

        *longest = MAX(*longest, size);
        return 0;
}

START_TEST(endless_line_is_bounded)
{
        _cleanup_(lines_done) Lines lines = {};
        char piece[5000];
        size_t longest = 0;

        memset(piece, 'x', sizeof(piece));
        for (unsigned i = 0; i < 100; i++)
                ck_assert_int_eq(lines_feed(&lines, piece, sizeof(piece), line_count, &longest), 0);
        ck_assert_uint_le(lines.allocated, LINES_MAX);
        ck_assert_int_eq(lines_finish(&lines, line_count, &longest), 0);
        ck_assert_uint_eq(longest, LINES_MAX);
}
END_TEST

static int line_refuse(const char *line, size_t size, void *userdata) {
        return -E2BIG;
}

START_TEST(handlers_error_is_handed_on)
{
        _cleanup_(lines_done) Lines lines = {};

        ck_assert_int_eq(lines_feed(&lines, "a\nb\n", 4, line_refuse, NULL), -E2BIG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/capture");
        TCase *capture = tcase_create("capture"), *lines = tcase_create("lines");

        suite_add_tcase(suite, capture);
        suite_add_tcase(suite, lines);
        tcase_add_test(capture, head_and_tail_are_kept);
        tcase_add_test(capture, limit_is_lowered_to_what_a_message_can_carry);
        tcase_add_test(capture, small_output_takes_little_memory);
        tcase_add_loop_test(capture, last_line_is_found_and_safe, 0, (int)ELEMENTSOF(last_lines));
        tcase_add_test(lines, lines_are_the_same_in_any_pieces);
        tcase_add_test(lines, endless_line_is_bounded);
        tcase_add_test(lines, handlers_error_is_handed_on);
        return suite_run(suite);
}
