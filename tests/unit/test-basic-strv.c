/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <check.h>

#include "test-runner.h"

/* Compares with the strings up to NULL. */
static void check_strv(char *const *v, ...) {
        va_list ap;
        const char *expected;
        size_t n = 0;

        va_start(ap, v);
        while ((expected = va_arg(ap, const char *))) {
                ck_assert_uint_gt(strv_length(v), n);
                ck_assert_str_eq(v[n], expected);
                n++;
        }
        va_end(ap);
        ck_assert_uint_eq(strv_length(v), n);
}

START_TEST(strv_null_is_an_empty_vector)
{
        _cleanup_strv_ char **copy = strv_copy(NULL);
        _cleanup_free_ char *joined = strv_join(NULL, ",");

        ck_assert_uint_eq(strv_length(NULL), 0);
        ck_assert(!strv_contains(NULL, ""));
        ck_assert_ptr_nonnull(copy);
        ck_assert_uint_eq(strv_length(copy), 0);
        ck_assert_str_eq(joined, "");
        ck_assert_ptr_null(strv_free(NULL));
        strv_for_each(s, NULL)
                ck_abort_msg("a string in an empty vector");
}
END_TEST

START_TEST(strv_extend_many_keeps_order)
{
        _cleanup_strv_ char **v = NULL;

        for (unsigned i = 0; i < 1000; i++)
                ck_assert_int_eq(strv_extendf(&v, "%u", i), 0);
        ck_assert_uint_eq(strv_length(v), 1000);
        ck_assert_str_eq(v[0], "0");
        ck_assert_str_eq(v[999], "999");
        ck_assert(strv_contains(v, "500"));
        ck_assert(!strv_contains(v, "1000"));
}
END_TEST

START_TEST(strv_equal_compares_strings_and_their_order)
{
        char *ab[] = { (char[]){ "a" }, (char[]){ "b" }, NULL }, *ba[] = { ab[1], ab[0], NULL };

        ck_assert(strv_equal(NULL, NULL));
        ck_assert(strv_equal(NULL, ab + 2));
        ck_assert(strv_equal(ab, (char *[]){ (char[]){ "a" }, (char[]){ "b" }, NULL }));
        ck_assert(!strv_equal(ab, ba));
        ck_assert(!strv_equal(ab, ab + 1));
        ck_assert(!strv_equal(ba + 1, ba));
}
END_TEST

START_TEST(strv_extend_works_on_a_copy_of_exact_size)
{
        char *words[] = { (char *)"a", (char *)"b", (char *)"c", NULL };
        _cleanup_strv_ char **v = strv_copy(words);

        ck_assert_int_eq(strv_extend(&v, "d"), 0);
        ck_assert_int_eq(strv_extend(&v, ""), 0);
        check_strv(v, "a", "b", "c", "d", "", NULL);
}
END_TEST

START_TEST(strv_consume_null_is_enomem)
{
        _cleanup_strv_ char **v = NULL;

        ck_assert_int_eq(strv_consume(&v, NULL), -ENOMEM);
        ck_assert_ptr_null(v);
        ck_assert_int_eq(strv_consume(&v, strdup("x")), 0);
        check_strv(v, "x", NULL);
}
END_TEST

START_TEST(strv_extend_strv_copies_all)
{
        char *words[] = { (char *)"a", (char *)"b", NULL };
        _cleanup_strv_ char **v = NULL;

        ck_assert_int_eq(strv_extend_strv(&v, NULL), 0);
        ck_assert_ptr_null(v);
        ck_assert_int_eq(strv_extend_strv(&v, words), 0);
        ck_assert_int_eq(strv_extend_strv(&v, words), 0);
        /* Itself, too */
        ck_assert_int_eq(strv_extend_strv(&v, v), 0);
        check_strv(v, "a", "b", "a", "b", "a", "b", "a", "b", NULL);
        ck_assert_ptr_ne(v[0], words[0]);
}
END_TEST

START_TEST(strv_join_puts_separators_between)
{
        char *words[] = { (char *)"a", (char *)"", (char *)"c", NULL };
        _cleanup_free_ char *joined = strv_join(words, ", "), *tight = strv_join(words, "");

        ck_assert_str_eq(joined, "a, , c");
        ck_assert_str_eq(tight, "ac");
}
END_TEST

START_TEST(strv_split_drops_empty_parts)
{
        _cleanup_strv_ char **v = NULL, **none = NULL;

        ck_assert_int_eq(strv_split("::a:b;;c:", ":;", &v), 0);
        check_strv(v, "a", "b", "c", NULL);
        ck_assert_int_eq(strv_split("", ":", &none), 0);
        ck_assert_uint_eq(strv_length(none), 0);
        ck_assert_int_eq(strv_split(":::", ":", &none), 0);
        ck_assert_uint_eq(strv_length(none), 0);
}
END_TEST

static void check_words(const char *s, const char *expected) {
        _cleanup_strv_ char **v = NULL;

        ck_assert_msg(strv_split_words(s, &v) == 0, "Cannot split: %s", s);

        _cleanup_free_ char *joined = strv_join(v, "|");

        ck_assert_str_eq(joined, expected);
}

START_TEST(strv_split_words_plain_and_quoted)
{
        check_words("", "");
        check_words(" \t\n", "");
        check_words("a b\tc\nd", "a|b|c|d");
        check_words("  a  ", "a");
        check_words("'a b' \"c d\"", "a b|c d");
        check_words("a'b c'd", "ab cd");
        check_words("'it\"s' \"it's\"", "it\"s|it's");
        check_words("--name='x y'", "--name=x y");
        check_words("'' \"\" x", "||x");
        check_words("käse 'ü ö'", "käse|ü ö");
}
END_TEST

START_TEST(strv_split_words_escapes)
{
        check_words("a\\ b a\\sb", "a b|a b");
        check_words("\\\\ \\\" \\'", "\\|\"|'");
        check_words("'it\\'s'", "it's");
        check_words("\"\\\"\"", "\"");
        check_words("\\n\\t\\r\\a\\b\\f\\v", "\n\t\r\a\b\f\v");
        check_words("\\x41\\x7e \\101 \\377", "A~|A|\377");
        check_words("\\u00e4 \\U0001f600 \\u20aC", "ä|😀|€");
        check_words("\\x414", "A4");
}
END_TEST

START_TEST(strv_split_words_broken_is_einval)
{
        static const char *const broken[] = {
                "'",           "\"",      "a 'b",  "a \"b'", "\\",       "a\\",
                "'\\'",        "\\q",     "\\x",   "\\x4",   "\\xg1",    "\\x00",
                "\\0",         "\\000",   "\\400", "\\u12",  "\\u0000",  "\\ud800",
                "\\U00110000", "\\U0000", "\\08",  "\\x4 1", "\\u00e g", "\\Uffffffff",
        };

        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                char **v = NULL;

                ck_assert_msg(strv_split_words(broken[i], &v) == -EINVAL,
                              "Not refused: %s",
                              broken[i]);
                ck_assert_ptr_null(v);
        }
}
END_TEST

/* Any text, in single quotes with its own quotes and backslashes escaped, comes back as it was. */
START_TEST(strv_split_words_round_trip_of_garbage)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < 2000; round++) {
                char text[17], quoted[40], *to = quoted;
                unsigned length = 1 + (unsigned)(rand_r(&seed) % 16);

                *to++ = '\'';
                for (unsigned i = 0; i < length; i++) {
                        text[i] = (char)(1 + rand_r(&seed) % 255);
                        if (text[i] == '\'' || text[i] == '\\')
                                *to++ = '\\';
                        *to++ = text[i];
                }
                text[length] = '\0';
                *to++ = '\'';
                *to = '\0';

                _cleanup_strv_ char **v = NULL, **raw = NULL;

                ck_assert_int_eq(strv_split_words(quoted, &v), 0);
                check_strv(v, text, NULL);

                /* Unquoted it is anything, but never anything else than words or -EINVAL. */
                int r = strv_split_words(text, &raw);

                ck_assert(r == 0 || r == -EINVAL);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-strv");
        TCase *tcase = tcase_create("strv");

        tcase_add_test(tcase, strv_null_is_an_empty_vector);
        tcase_add_test(tcase, strv_extend_many_keeps_order);
        tcase_add_test(tcase, strv_equal_compares_strings_and_their_order);
        tcase_add_test(tcase, strv_extend_works_on_a_copy_of_exact_size);
        tcase_add_test(tcase, strv_consume_null_is_enomem);
        tcase_add_test(tcase, strv_extend_strv_copies_all);
        tcase_add_test(tcase, strv_join_puts_separators_between);
        tcase_add_test(tcase, strv_split_drops_empty_parts);
        tcase_add_test(tcase, strv_split_words_plain_and_quoted);
        tcase_add_test(tcase, strv_split_words_escapes);
        tcase_add_test(tcase, strv_split_words_broken_is_einval);
        tcase_add_test(tcase, strv_split_words_round_trip_of_garbage);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
