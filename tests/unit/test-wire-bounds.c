/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "wire/bounds.h"

#include "basic/macros.h"
#include "ptest/protocol.h"
#include "test-runner.h"

#include <check.h>
#include <errno.h>
#include <string.h>

/* A literal's bytes, without the NUL at its end, in memory of exactly that size */
static int check_bytes(const char *bytes, size_t size) {
        _cleanup_free_ char *copy = malloc(size);

        ck_assert(copy || size == 0);
        if (size > 0)
                memcpy(copy, bytes, size);
        return bounds_check(copy, size);
}

#define CHECK(literal) check_bytes((literal), sizeof(literal) - 1)

START_TEST(bounds_of_every_type_are_known)
{
        ck_assert_int_eq(CHECK("\x00"), 0);
        ck_assert_int_eq(CHECK("\xff"), 0);
        ck_assert_int_eq(CHECK("\xc0"), 0);
        ck_assert_int_eq(CHECK("\xc2"), 0);
        ck_assert_int_eq(CHECK("\xc3"), 0);
        ck_assert_int_eq(CHECK("\xcc\x01"), 0);
        ck_assert_int_eq(CHECK("\xcd\x01\x02"), 0);
        ck_assert_int_eq(CHECK("\xce\x01\x02\x03\x04"), 0);
        ck_assert_int_eq(CHECK("\xcf\x01\x02\x03\x04\x05\x06\x07\x08"), 0);
        ck_assert_int_eq(CHECK("\xd0\x01"), 0);
        ck_assert_int_eq(CHECK("\xd3\x01\x02\x03\x04\x05\x06\x07\x08"), 0);
        ck_assert_int_eq(CHECK("\xca\x01\x02\x03\x04"), 0);
        ck_assert_int_eq(CHECK("\xcb\x01\x02\x03\x04\x05\x06\x07\x08"), 0);
        ck_assert_int_eq(
                        CHECK("\xa3"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xd9\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xda\x00\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xdb\x00\x00\x00\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xc4\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xc5\x00\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xc6\x00\x00\x00\x03"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xd4\x01"
                              "a"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xd8\x01"
                              "0123456789abcdef"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xc7\x03\x01"
                              "abc"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xc9\x00\x00\x00\x03\x01"
                              "abc"),
                        0);
        ck_assert_int_eq(CHECK("\x93\x01\x02\x03"), 0);
        ck_assert_int_eq(CHECK("\xdc\x00\x02\x01\x02"), 0);
        ck_assert_int_eq(CHECK("\xdd\x00\x00\x00\x02\x01\x02"), 0);
        ck_assert_int_eq(
                        CHECK("\x81\xa1"
                              "k\x01"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xde\x00\x01\xa1"
                              "k\x01"),
                        0);
        ck_assert_int_eq(
                        CHECK("\xdf\x00\x00\x00\x01\xa1"
                              "k\x01"),
                        0);
        ck_assert_int_eq(CHECK("\x90"), 0);
        ck_assert_int_eq(CHECK("\x92\x90\x81\x01\x90"), 0);
}
END_TEST

START_TEST(bounds_not_exactly_one_value_is_refused)
{
        ck_assert_int_eq(CHECK(""), -EBADMSG);
        ck_assert_int_eq(CHECK("\x01\x02"), -EBADMSG);
        ck_assert_int_eq(CHECK("\xc1"), -EBADMSG);
        ck_assert_int_eq(CHECK("\x92\x01\xc1"), -EBADMSG);
        ck_assert_int_eq(CHECK("\x93\x01\x02"), -EBADMSG);
        ck_assert_int_eq(CHECK("\x91\x01\x02"), -EBADMSG);
        ck_assert_int_eq(CHECK("\x81\x01"), -EBADMSG);
        ck_assert_int_eq(CHECK("\xda\x00"), -EBADMSG);
        ck_assert_int_eq(
                        CHECK("\xd9\x04"
                              "abc"),
                        -EBADMSG);
        ck_assert_int_eq(
                        CHECK("\xd8\x01"
                              "0123456789abcde"),
                        -EBADMSG);
        ck_assert_int_eq(CHECK("\xcb\x01\x02\x03\x04\x05\x06\x07"), -EBADMSG);
}
END_TEST

START_TEST(bounds_bombs_are_refused)
{
        ck_assert_int_eq(CHECK("\xdd\xff\xff\xff\xff"), -EBADMSG);
        ck_assert_int_eq(CHECK("\xdf\xff\xff\xff\xff"), -EBADMSG);
        ck_assert_int_eq(CHECK("\xdd\x01\x00\x00\x00"), -EBADMSG);
        ck_assert_int_eq(CHECK("\xdc\xff\xff\x01\x01"), -EBADMSG);
        ck_assert_int_eq(
                        CHECK("\xdb\xff\xff\xff\xff"
                              "abc"),
                        -EBADMSG);
        ck_assert_int_eq(
                        CHECK("\xc6\xff\xff\xff\xff"
                              "abc"),
                        -EBADMSG);
        ck_assert_int_eq(
                        CHECK("\xc9\xff\xff\xff\xff\x01"
                              "abc"),
                        -EBADMSG);
}
END_TEST

START_TEST(bounds_nesting_is_limited)
{
        char deep[PTEST_MESSAGE_DEPTH_MAX + 2];

        memset(deep, 0x91, sizeof(deep));
        deep[PTEST_MESSAGE_DEPTH_MAX] = 1;
        ck_assert_int_eq(check_bytes(deep, PTEST_MESSAGE_DEPTH_MAX + 1), 0);
        deep[PTEST_MESSAGE_DEPTH_MAX] = (char)0x91;
        deep[PTEST_MESSAGE_DEPTH_MAX + 1] = 1;
        ck_assert_int_eq(check_bytes(deep, PTEST_MESSAGE_DEPTH_MAX + 2), -EBADMSG);

        char deeper[1000];
        memset(deeper, 0x91, sizeof(deeper));
        ck_assert_int_eq(check_bytes(deeper, sizeof(deeper)), -EBADMSG);
}
END_TEST

START_TEST(bounds_number_of_values_is_limited)
{
        size_t size = 5 + PTEST_MESSAGE_VALUES_MAX;
        _cleanup_free_ uint8_t *data = calloc(1, size);

        /* An array is a value too. */
        uint32_t n = PTEST_MESSAGE_VALUES_MAX - 1;
        const uint8_t header[] = {
                0xdd, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
        };
        memcpy(data, header, sizeof(header));
        ck_assert_int_eq(bounds_check(data, size - 1), 0);

        n++;
        const uint8_t more[] = {
                0xdd, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n
        };
        memcpy(data, more, sizeof(more));
        ck_assert_int_eq(bounds_check(data, size), -EBADMSG);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("wire/bounds");
        TCase *tcase = tcase_create("bounds");

        tcase_add_test(tcase, bounds_of_every_type_are_known);
        tcase_add_test(tcase, bounds_not_exactly_one_value_is_refused);
        tcase_add_test(tcase, bounds_bombs_are_refused);
        tcase_add_test(tcase, bounds_nesting_is_limited);
        tcase_add_test(tcase, bounds_number_of_values_is_limited);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
