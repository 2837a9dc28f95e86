/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/shuffle.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test-runner.h"

#define TESTS 50U

/* Every step-th test, in the suite's order or in the other one; their numbers after the shuffle. */
static size_t shuffle(uint64_t seed, unsigned step, bool backwards, unsigned *ret) {
        Suite *suite = NULL;
        size_t n;

        ck_assert_int_eq(suite_new("x", &suite), 0);
        for (unsigned i = 0; i < TESTS; i += step) {
                Test *test = NULL;
                char address[16];

                snprintf(address, sizeof(address), "t%u", backwards ? TESTS - step - i : i);
                ck_assert_int_eq(test_new(address, &test), 0);
                ck_assert_int_eq(suite_add(suite, test), 0);
        }
        ck_assert_int_eq(suite_shuffle(suite, seed), 0);
        n = suite->n_tests;
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(sscanf(suite->tests[i]->address, "t%u", &ret[i]), 1);
        suite_free(suite);
        return n;
}

START_TEST(seed_says_the_order)
{
        unsigned once[TESTS], twice[TESTS], backwards[TESTS], other[TESTS];

        for (uint64_t seed = 0; seed < 50; seed++) {
                bool seen[TESTS] = {};

                ck_assert_uint_eq(shuffle(seed, 1, false, once), TESTS);
                shuffle(seed, 1, false, twice);
                shuffle(seed, 1, true, backwards);
                shuffle(seed + 1, 1, false, other);
                ck_assert_mem_eq(once, twice, sizeof(once));
                ck_assert_mem_eq(once, backwards, sizeof(once));
                ck_assert_mem_ne(once, other, sizeof(once));
                for (size_t i = 0; i < TESTS; i++) {
                        ck_assert(!seen[once[i]]);
                        seen[once[i]] = true;
                }
        }
}
END_TEST

START_TEST(fewer_tests_keep_their_order)
{
        for (uint64_t seed = 0; seed < 50; seed++) {
                unsigned all[TESTS], some[TESTS];
                size_t n = shuffle(seed, 5, false, some), at = 0;

                shuffle(seed, 1, false, all);
                for (size_t i = 0; i < TESTS; i++)
                        if (at < n && all[i] == some[at])
                                at++;
                ck_assert_uint_eq(at, n);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/shuffle");
        TCase *tcase = tcase_create("shuffle");

        tcase_add_test(tcase, seed_says_the_order);
        tcase_add_test(tcase, fewer_tests_keep_their_order);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
