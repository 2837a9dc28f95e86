/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

static Suite *make_suite(size_t n) {
        Suite *suite;

        ck_assert_int_eq(suite_new("s", &suite), 0);
        for (size_t i = 0; i < n; i++) {
                char address[32];
                Test *test;

                snprintf(address, sizeof(address), "t%zu", i);
                ck_assert_int_eq(test_new(address, &test), 0);
                ck_assert_int_eq(suite_add(suite, test), 0);
        }
        return suite;
}

START_TEST(queue_without_priorities_keeps_order)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(3);
        _cleanup_(queue_freep) Queue *queue = NULL;

        ck_assert_int_eq(queue_new(suite, &queue), 0);
        for (uint32_t i = 0; i < 3; i++) {
                ck_assert_uint_eq(queue_get_length(queue), 3 - i);
                ck_assert_uint_eq(queue_peek(queue), i);
                ck_assert_uint_eq(queue_pop(queue), i);
        }
        ck_assert_uint_eq(queue_get_length(queue), 0);
}
END_TEST

START_TEST(queue_orders_by_priority_then_exclusive_last)
{
        static const uint32_t expected[] = { 3, 0, 4, 1, 2 };
        _cleanup_(suite_freep) Suite *suite = make_suite(5);
        _cleanup_(queue_freep) Queue *queue = NULL;

        suite->tests[1]->exclusive = true;
        suite->tests[2]->priority = -1;
        suite->tests[3]->priority = 7;
        suite->tests[3]->exclusive = true;
        ck_assert_int_eq(queue_new(suite, &queue), 0);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                ck_assert_uint_eq(queue_pop(queue), expected[i]);
}
END_TEST

START_TEST(queue_returned_test_goes_to_its_old_place)
{
        _cleanup_(suite_freep) Suite *suite = make_suite(4);
        _cleanup_(queue_freep) Queue *queue = NULL;

        ck_assert_int_eq(queue_new(suite, &queue), 0);
        for (uint32_t i = 0; i < 3; i++)
                queue_pop(queue);
        queue_return(queue, 2);
        queue_return(queue, 0);
        ck_assert_uint_eq(queue_get_length(queue), 3);
        ck_assert_uint_eq(queue_pop(queue), 0);
        ck_assert_uint_eq(queue_pop(queue), 2);
        ck_assert_uint_eq(queue_pop(queue), 3);
}
END_TEST

START_TEST(queue_random_use_gives_each_test_once)
{
        enum {
                N = 200
        };
        _cleanup_(suite_freep) Suite *suite = make_suite(N);
        _cleanup_(queue_freep) Queue *queue = NULL;
        unsigned seed = 4711 + (unsigned)_i, popped[N] = {}, out[N], n_out = 0;

        for (size_t i = 0; i < N; i++) {
                suite->tests[i]->priority = rand_r(&seed) % 3;
                suite->tests[i]->exclusive = rand_r(&seed) % 5 == 0;
        }
        ck_assert_int_eq(queue_new(suite, &queue), 0);
        while (queue_get_length(queue) > 0) {
                uint32_t test = queue_peek(queue);

                ck_assert_uint_eq(queue_pop(queue), test);
                ck_assert_uint_eq(popped[test], 0);
                popped[test] = 1;
                out[n_out++] = test;
                if (rand_r(&seed) % 3 == 0) {
                        unsigned at = (unsigned)rand_r(&seed) % n_out;

                        queue_return(queue, out[at]);
                        popped[out[at]] = 0;
                        out[at] = out[--n_out];
                }
        }
        ck_assert_uint_eq(n_out, N);
}
END_TEST

int main(void) {
        /* Check's Suite and ours are one type to the compiler; neither looks into the other's. */
        Suite *suite = suite_create("model/queue");
        TCase *tcase = tcase_create("queue");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, queue_without_priorities_keeps_order);
        tcase_add_test(tcase, queue_orders_by_priority_then_exclusive_last);
        tcase_add_test(tcase, queue_returned_test_goes_to_its_old_place);
        tcase_add_loop_test(tcase, queue_random_use_gives_each_test_once, 0, 20);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? 0 : 1;
}
