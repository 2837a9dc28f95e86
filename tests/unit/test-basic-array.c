/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <check.h>

#include "basic/macros.h"
#include "test-runner.h"

START_TEST(array_reserve_keeps_items_and_doubles)
{
        _cleanup_free_ uint32_t *items = NULL;
        size_t n_allocated = 0, n_grown = 0;

        for (uint32_t i = 0; i < 10000; i++) {
                const size_t before = n_allocated;

                ck_assert_int_eq(array_reserve(items, n_allocated, i + 1), 0);
                ck_assert_uint_gt(n_allocated, i);
                if (n_allocated != before) {
                        ck_assert_uint_ge(n_allocated, before * 2);
                        n_grown++;
                }
                items[i] = i;
        }
        for (uint32_t i = 0; i < 10000; i++)
                ck_assert_uint_eq(items[i], i);
        ck_assert_uint_le(n_grown, 14);
}
END_TEST

START_TEST(array_reserve_that_fits_leaves_the_array_alone)
{
        _cleanup_free_ uint64_t *items = NULL;
        const uint64_t *before;
        size_t n_allocated = 0;

        ck_assert_int_eq(array_reserve(items, n_allocated, 0), 0);
        ck_assert_ptr_null(items);
        ck_assert_uint_eq(n_allocated, 0);

        ck_assert_int_eq(array_reserve(items, n_allocated, 100), 0);
        ck_assert_uint_eq(n_allocated, 100);
        before = items;
        ck_assert_int_eq(array_reserve(items, n_allocated, 100), 0);
        ck_assert_int_eq(array_reserve(items, n_allocated, 1), 0);
        ck_assert_ptr_eq(items, before);
        ck_assert_uint_eq(n_allocated, 100);
}
END_TEST

START_TEST(array_reserve_too_much_loses_nothing)
{
        _cleanup_free_ uint64_t *items = NULL;
        const uint64_t *before;
        size_t n_allocated = 0;

        ck_assert_int_eq(array_reserve(items, n_allocated, SIZE_MAX), -ENOMEM);
        ck_assert_ptr_null(items);
        ck_assert_uint_eq(n_allocated, 0);

        ck_assert_int_eq(array_reserve(items, n_allocated, 1), 0);
        items[0] = 7;
        before = items;
        ck_assert_int_eq(array_reserve(items, n_allocated, SIZE_MAX / 4), -ENOMEM);
        ck_assert_ptr_eq(items, before);
        ck_assert_uint_eq(items[0], 7);
        ck_assert_int_eq(array_reserve(items, n_allocated, n_allocated), 0);
        ck_assert_ptr_eq(items, before);
}
END_TEST

START_TEST(array_arguments_are_evaluated_once)
{
        typedef struct Holder {
                char *items;
                size_t n_allocated;
        } Holder;

        Holder holders[2] = {}, *next = holders;
        size_t n = 0;

        ck_assert_int_eq(array_reserve((next++)->items, holders[0].n_allocated, ++n), 0);
        ck_assert_ptr_eq(next, holders + 1);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(array_fit((next++)->items, ++n), 0);
        ck_assert_ptr_eq(next, holders + 2);
        ck_assert_uint_eq(n, 2);
        free(holders[0].items);
        free(holders[1].items);
}
END_TEST

START_TEST(array_fit_keeps_items)
{
        _cleanup_free_ uint32_t *items = NULL;

        for (uint32_t i = 0; i < 1000; i++) {
                ck_assert_int_eq(array_fit(items, i + 1), 0);
                items[i] = i;
        }
        for (uint32_t i = 0; i < 1000; i++)
                ck_assert_uint_eq(items[i], i);
}
END_TEST

START_TEST(array_fit_works_on_an_array_of_exact_size)
{
        /* None of a power of two: nothing is taken for granted that another allocated. */
        _cleanup_free_ uint32_t *items = calloc(5, sizeof(uint32_t));

        ck_assert_ptr_nonnull(items);
        items[4] = 4;
        ck_assert_int_eq(array_fit(items, 6), 0);
        items[5] = 5;
        ck_assert_uint_eq(items[0], 0);
        ck_assert_uint_eq(items[4], 4);
        ck_assert_uint_eq(items[5], 5);
}
END_TEST

START_TEST(array_fit_too_much_loses_nothing)
{
        _cleanup_free_ uint32_t *items = NULL;
        const uint32_t *before;

        ck_assert_int_eq(array_fit(items, 1), 0);
        items[0] = 7;
        before = items;
        ck_assert_int_eq(array_fit(items, SIZE_MAX), -ENOMEM);
        ck_assert_int_eq(array_fit(items, SIZE_MAX / 2 + 1), -ENOMEM);
        ck_assert_ptr_eq(items, before);
        ck_assert_uint_eq(items[0], 7);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-array");
        TCase *tcase = tcase_create("array");

        tcase_add_test(tcase, array_reserve_keeps_items_and_doubles);
        tcase_add_test(tcase, array_reserve_that_fits_leaves_the_array_alone);
        tcase_add_test(tcase, array_reserve_too_much_loses_nothing);
        tcase_add_test(tcase, array_arguments_are_evaluated_once);
        tcase_add_test(tcase, array_fit_keeps_items);
        tcase_add_test(tcase, array_fit_works_on_an_array_of_exact_size);
        tcase_add_test(tcase, array_fit_too_much_loses_nothing);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
