/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/address.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/macros.h"
#include "basic/text.h"
#include "test-runner.h"

START_TEST(address_is_valid_takes_printable_text)
{
        ck_assert(address_is_valid("a"));
        ck_assert(address_is_valid("path::context::case[arg]"));
        ck_assert(address_is_valid("a b/c d"));
        ck_assert(address_is_valid("äöü 😀"));
        ck_assert(address_is_valid("\\"));
}
END_TEST

START_TEST(address_is_valid_refuses_the_rest)
{
        static const char *const bad[] = {
                "",        " ",    " a",    "a ",   "a\n",       "a\tb",
                "\x1b[0m", "\x7f", "a\xff", "\xc3", "\u202eabc", "a\u2028b",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!address_is_valid(bad[i]), "number %zu", i);
}
END_TEST

START_TEST(address_is_valid_up_to_the_limit)
{
        char address[ADDRESS_MAX + 2];

        memset(address, 'a', sizeof(address));
        address[ADDRESS_MAX + 1] = '\0';
        ck_assert(!address_is_valid(address));
        address[ADDRESS_MAX] = '\0';
        ck_assert(address_is_valid(address));
}
END_TEST

static void check_sanitize(const char *text, const char *expected) {
        _cleanup_free_ char *address = NULL;

        ck_assert_int_eq(address_sanitize(text, &address), 0);
        ck_assert_str_eq(address, expected);
}

START_TEST(address_sanitize_cases)
{
        check_sanitize("a::b[c]", "a::b[c]");
        check_sanitize("", "_");
        check_sanitize(" \t\n", "_");
        check_sanitize("  a b \n", "a b");
        check_sanitize("a\nb\tc", "a_b_c");
        check_sanitize("\033[31mred", "_[31mred");
        check_sanitize("a\xff\xfe", "a__");
        check_sanitize("\xe2\x82", "__");
        check_sanitize("ä\u202eb", "ä_b");
}
END_TEST

START_TEST(address_sanitize_cuts_between_characters)
{
        char text[2 * ADDRESS_MAX + 2];

        /* One byte, then characters of two: the limit falls inside one. */
        text[0] = 'a';
        for (size_t i = 1; i + 1 < sizeof(text); i += 2)
                memcpy(text + i, "ä", 2);
        text[sizeof(text) - 1] = '\0';

        _cleanup_free_ char *address = NULL;

        ck_assert_int_eq(address_sanitize(text, &address), 0);
        ck_assert_uint_eq(strlen(address), ADDRESS_MAX - 1);
        ck_assert(address_is_valid(address));
}
END_TEST

START_TEST(address_sanitize_cut_leaves_no_space)
{
        char text[ADDRESS_MAX + 100];
        _cleanup_free_ char *address = NULL;

        memset(text, 'a', sizeof(text));
        memset(text + ADDRESS_MAX - 5, ' ', 10);
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_eq(address_sanitize(text, &address), 0);
        ck_assert_uint_eq(strlen(address), ADDRESS_MAX - 5);
        ck_assert(address_is_valid(address));
}
END_TEST

/* Of whatever text, what comes out is an address, and a valid address is not changed. */
START_TEST(address_sanitize_of_garbage_is_valid_and_stable)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < 3000; round++) {
                char text[33];
                size_t length = (size_t)rand_r(&seed) % sizeof(text);

                for (size_t i = 0; i < length; i++)
                        text[i] = (char)(1 + rand_r(&seed) % (round % 2 ? 255 : 60));
                text[MIN(length, sizeof(text) - 1)] = '\0';

                _cleanup_free_ char *once = NULL, *twice = NULL;

                ck_assert_int_eq(address_sanitize(text, &once), 0);
                ck_assert(address_is_valid(once));
                ck_assert_int_eq(address_sanitize(once, &twice), 0);
                ck_assert_str_eq(once, twice);
                if (address_is_valid(text))
                        ck_assert_str_eq(text, once);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-address");
        TCase *tcase = tcase_create("address");

        tcase_add_test(tcase, address_is_valid_takes_printable_text);
        tcase_add_test(tcase, address_is_valid_refuses_the_rest);
        tcase_add_test(tcase, address_is_valid_up_to_the_limit);
        tcase_add_test(tcase, address_sanitize_cases);
        tcase_add_test(tcase, address_sanitize_cuts_between_characters);
        tcase_add_test(tcase, address_sanitize_cut_leaves_no_space);
        tcase_add_test(tcase, address_sanitize_of_garbage_is_valid_and_stable);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
