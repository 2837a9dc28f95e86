/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/text.h"

#include <errno.h>
#include <string.h>

#include <check.h>

#include "basic/strv.h"
#include "test-runner.h"

#define SIZED(s) (s), (sizeof(s) - 1)

START_TEST(text_is_utf8_takes_valid_text)
{
        ck_assert(text_is_utf8(SIZED("")));
        ck_assert(text_is_utf8(SIZED("abc\n\t")));
        ck_assert(text_is_utf8(SIZED("a\0b")));
        ck_assert(text_is_utf8(SIZED("ä€😀")));
        ck_assert(text_is_utf8(SIZED("\xed\x9f\xbf\xee\x80\x80"))); /* around the surrogates */
        ck_assert(text_is_utf8(SIZED("\xf4\x8f\xbf\xbf")));         /* the last one */
}
END_TEST

START_TEST(text_is_utf8_refuses_broken_text)
{
        ck_assert(!text_is_utf8(SIZED("\x80")));
        ck_assert(!text_is_utf8(SIZED("\xff")));
        ck_assert(!text_is_utf8(SIZED("\xc3")));             /* cut */
        ck_assert(!text_is_utf8(SIZED("\xe2\x82")));         /* cut */
        ck_assert(!text_is_utf8(SIZED("\xf0\x9f\x98")));     /* cut */
        ck_assert(!text_is_utf8(SIZED("\xc3z")));            /* no continuation */
        ck_assert(!text_is_utf8(SIZED("\xc0\x80")));         /* longer than needed */
        ck_assert(!text_is_utf8(SIZED("\xe0\x9f\xbf")));     /* longer than needed */
        ck_assert(!text_is_utf8(SIZED("\xf0\x8f\xbf\xbf"))); /* longer than needed */
        ck_assert(!text_is_utf8(SIZED("\xed\xa0\x80")));     /* surrogate */
        ck_assert(!text_is_utf8(SIZED("\xf4\x90\x80\x80"))); /* beyond Unicode */
        ck_assert(!text_is_utf8(SIZED("\xf8\x88\x80\x80\x80")));
}
END_TEST

/* The size counts, not what lies behind it. */
START_TEST(text_is_utf8_stops_at_size)
{
        ck_assert(text_is_utf8("a\xff", 1));
        ck_assert(!text_is_utf8("ä", 1));
}
END_TEST

static void check_escape(const char *data, size_t size, const char *line, const char *lines) {
        _cleanup_free_ char *one = text_escape(data, size), *many = text_escape_lines(data, size);

        ck_assert_str_eq(one, line);
        ck_assert_str_eq(many, lines);
}

START_TEST(text_escape_keeps_printable_text)
{
        check_escape(SIZED(""), "", "");
        check_escape(SIZED("plain text ä€😀"), "plain text ä€😀", "plain text ä€😀");
        check_escape(SIZED("C:\\dir \\d+"), "C:\\dir \\d+", "C:\\dir \\d+");
}
END_TEST

START_TEST(text_escape_shows_control_characters)
{
        check_escape(SIZED("a\nb\tc"), "a\\nb\\tc", "a\nb\tc");
        check_escape(SIZED("a\r\nb\r"), "a\\r\\nb\\r", "a\nb\\r");
        check_escape(SIZED("\r\r\n"), "\\r\\r\\n", "\\r\n");
        check_escape(SIZED("\033[31mred"), "\\x1b[31mred", "\\x1b[31mred");
        check_escape(SIZED("a\0b\0"), "a\\x00b\\x00", "a\\x00b\\x00");
        check_escape(SIZED("\a\b\f\v\x7f"), "\\a\\b\\f\\v\\x7f", "\\a\\b\\f\\v\\x7f");
        /* A CSI in one character of C1 */
        check_escape(SIZED("\xc2\x9b"), "\\xc2\\x9b", "\\xc2\\x9b");
}
END_TEST

START_TEST(text_escape_shows_what_misleads)
{
        check_escape(SIZED("a\u202eb"),
                     "a\\xe2\\x80\\xaeb",
                     "a\\xe2\\x80\\xaeb"); /* right to left */
        check_escape(SIZED("a\u2028b"), "a\\xe2\\x80\\xa8b", "a\\xe2\\x80\\xa8b"); /* end of line */
        check_escape(SIZED("\ufeff"), "\\xef\\xbb\\xbf", "\\xef\\xbb\\xbf");
}
END_TEST

START_TEST(text_escape_shows_invalid_bytes)
{
        check_escape(SIZED("a\xff\xfe"), "a\\xff\\xfe", "a\\xff\\xfe");
        check_escape(SIZED("\xe2\x82"), "\\xe2\\x82", "\\xe2\\x82");
        check_escape(SIZED("\xc3\xc3\xa4"), "\\xc3ä", "\\xc3ä");
}
END_TEST

/* Whatever comes in, what comes out is printable, on one line, and stays as it is. */
START_TEST(text_escape_of_garbage_is_printable_and_stable)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < 3000; round++) {
                char data[33];
                size_t size = (size_t)rand_r(&seed) % sizeof(data);

                for (size_t i = 0; i < size; i++)
                        data[i] = (char)(rand_r(&seed) % 256);

                _cleanup_free_ char *once = text_escape(data, size);
                _cleanup_free_ char *twice = text_escape(once, strlen(once));
                _cleanup_free_ char *lines = text_escape_lines(data, size);
                _cleanup_free_ char *lines_twice = text_escape_lines(lines, strlen(lines));

                ck_assert_str_eq(once, twice);
                ck_assert_str_eq(lines, lines_twice);
                ck_assert(text_is_utf8(once, strlen(once)));
                for (const char *p = once; *p; p++)
                        ck_assert_int_ge((unsigned char)*p, 0x20);
        }
}
END_TEST

static void check_quote(const char *s, const char *expected) {
        _cleanup_free_ char *quoted = text_quote_shell(s);

        ck_assert_str_eq(quoted, expected);
}

START_TEST(text_quote_shell_only_where_needed)
{
        check_quote("plain-1.0/a_b:c,d@e%f+g", "plain-1.0/a_b:c,d@e%f+g");
        check_quote("--name=value", "--name=value");
        check_quote("A=b", "'A=b'");
        check_quote("", "''");
        check_quote("a b", "'a b'");
        check_quote("it's", "'it'\\''s'");
        check_quote("'", "''\\'''");
        check_quote("$HOME", "'$HOME'");
        check_quote("~", "'~'");
        check_quote("*", "'*'");
        check_quote("-x=a b", "'-x=a b'");
        check_quote("a\nb", "'a\nb'");
        check_quote("ä", "'ä'");
}
END_TEST

START_TEST(text_quote_words_joins)
{
        char *words[] = { (char *)"sh", (char *)"-c", (char *)"exit 1", (char *)"", NULL };
        _cleanup_free_ char *quoted = text_quote_words(words), *none = text_quote_words(NULL);

        ck_assert_str_eq(quoted, "sh -c 'exit 1' ''");
        ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(text_starts_and_ends)
{
        ck_assert(text_starts_with("abc", ""));
        ck_assert(text_starts_with("abc", "ab"));
        ck_assert(text_starts_with("abc", "abc"));
        ck_assert(!text_starts_with("abc", "abcd"));
        ck_assert(!text_starts_with("", "a"));
        ck_assert(text_ends_with("abc", ""));
        ck_assert(text_ends_with("abc", "bc"));
        ck_assert(text_ends_with("abc", "abc"));
        ck_assert(!text_ends_with("abc", "xabc"));
        ck_assert(!text_ends_with("", "a"));
}
END_TEST

START_TEST(text_strip_cuts_both_ends)
{
        char both[] = " \t a b \r\n", none[] = "x", empty[] = "", blank[] = " \n\t ";

        ck_assert_str_eq(text_strip(both), "a b");
        ck_assert_str_eq(text_strip(none), "x");
        ck_assert_str_eq(text_strip(empty), "");
        ck_assert_str_eq(text_strip(blank), "");
}
END_TEST

START_TEST(text_setf_may_use_the_old_value)
{
        _cleanup_free_ char *s = NULL;

        ck_assert_int_eq(text_setf(&s, "%i", 1), 0);
        ck_assert_int_eq(text_setf(&s, "%s, %i", s, 2), 0);
        ck_assert_str_eq(s, "1, 2");
}
END_TEST

START_TEST(text_measure_character_steps_through_text)
{
        static const char text[] = "aä\xff\n😀";
        static const struct {
                size_t length;
                bool printable;
        } expected[] = {
                {1,  true },
                { 2, true },
                { 1, false},
                { 1, false},
                { 4, true }
        };
        size_t at = 0;

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                bool printable = !expected[i].printable;

                ck_assert_uint_eq(
                                text_measure_character(
                                                text + at, sizeof(text) - 1 - at, &printable),
                                expected[i].length);
                ck_assert(printable == expected[i].printable);
                at += expected[i].length;
        }
        ck_assert_uint_eq(at, sizeof(text) - 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-text");
        TCase *tcase = tcase_create("text");

        tcase_add_test(tcase, text_is_utf8_takes_valid_text);
        tcase_add_test(tcase, text_is_utf8_refuses_broken_text);
        tcase_add_test(tcase, text_is_utf8_stops_at_size);
        tcase_add_test(tcase, text_escape_keeps_printable_text);
        tcase_add_test(tcase, text_escape_shows_control_characters);
        tcase_add_test(tcase, text_escape_shows_what_misleads);
        tcase_add_test(tcase, text_escape_shows_invalid_bytes);
        tcase_add_test(tcase, text_escape_of_garbage_is_printable_and_stable);
        tcase_add_test(tcase, text_quote_shell_only_where_needed);
        tcase_add_test(tcase, text_quote_words_joins);
        tcase_add_test(tcase, text_starts_and_ends);
        tcase_add_test(tcase, text_strip_cuts_both_ends);
        tcase_add_test(tcase, text_setf_may_use_the_old_value);
        tcase_add_test(tcase, text_measure_character_steps_through_text);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
