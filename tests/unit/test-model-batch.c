/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/batch.h"

#include <stdlib.h>

#include <check.h>

#include "test-rounds.h"
#include "test-runner.h"

#define MAX_TASKS 256U
#define MANY      ((size_t)1000000)

static Batch make_batch(uint64_t duration_usec) {
        Batch batch;

        batch_init(&batch);
        batch_add(&batch, duration_usec);
        return batch;
}

static unsigned target(uint64_t duration_usec, unsigned n_slots, size_t n_remaining) {
        const Batch batch = make_batch(duration_usec);

        return batch_get_target(&batch, n_slots, n_remaining, MAX_TASKS);
}

START_TEST(batch_before_the_first_duration_is_one)
{
        Batch batch;

        batch_init(&batch);
        ck_assert_uint_eq(batch_get_target(&batch, 4, MANY, MAX_TASKS), 1);
        ck_assert_uint_eq(batch_get_target(&batch, 4, 0, MAX_TASKS), 1);
}
END_TEST

START_TEST(batch_of_long_tests_is_the_running_one)
{
        ck_assert_uint_eq(target(BATCH_LONG_USEC + 1, 4, MANY), 1);
        ck_assert_uint_eq(target(USEC_PER_MINUTE, 4, MANY), 1);
        ck_assert_uint_eq(target(USEC_INFINITY, 4, MANY), 1);
}
END_TEST

START_TEST(batch_of_short_tests_covers_the_stock)
{
        ck_assert_uint_eq(target(BATCH_LONG_USEC, 4, MANY), 2);
        ck_assert_uint_eq(target(20 * USEC_PER_MSEC, 4, MANY), 2);
        ck_assert_uint_eq(target(19 * USEC_PER_MSEC, 4, MANY), 3);
        ck_assert_uint_eq(target(USEC_PER_MSEC, 4, MANY), 21);
        ck_assert_uint_eq(target(100, 4, MANY), 201);
        ck_assert_uint_eq(target(50, 4, MANY), MAX_TASKS);
        ck_assert_uint_eq(target(0, 4, MANY), MAX_TASKS);
}
END_TEST

START_TEST(batch_takes_a_fair_share_of_what_remains)
{
        ck_assert_uint_eq(target(0, 4, 80), 10);
        ck_assert_uint_eq(target(0, 4, 81), 11);
        ck_assert_uint_eq(target(0, 4, 8), 1);
        ck_assert_uint_eq(target(0, 4, 9), 2);
        ck_assert_uint_eq(target(0, 4, 1), 1);
        ck_assert_uint_eq(target(0, 4, 0), 1);
        ck_assert_uint_eq(target(0, 1, 10), 5);
        ck_assert_uint_eq(target(0, 4000000000U, MANY), 1);
        ck_assert_uint_eq(target(0, 1, SIZE_MAX), MAX_TASKS);
}
END_TEST

START_TEST(batch_follows_a_change_of_pace)
{
        Batch batch = make_batch(USEC_PER_MSEC);

        /* One odd test does not end the batches of short ones for long. */
        batch_add(&batch, USEC_PER_MINUTE);
        for (unsigned i = 0; i < 20; i++)
                batch_add(&batch, USEC_PER_MSEC);
        ck_assert_uint_gt(batch_get_target(&batch, 4, MANY, MAX_TASKS), 1);

        for (unsigned i = 0; i < 10; i++)
                batch_add(&batch, USEC_PER_SEC);
        ck_assert_uint_eq(batch_get_target(&batch, 4, MANY, MAX_TASKS), 1);

        for (unsigned i = 0; i < 200; i++)
                batch_add(&batch, 0);
        ck_assert_uint_eq(batch.mean_usec, 0);
        ck_assert_uint_eq(batch_get_target(&batch, 4, MANY, MAX_TASKS), MAX_TASKS);
}
END_TEST

/* Whatever was seen: within 1 and max, not above the share, and never more for longer tests. */
START_TEST(batch_random_durations_stay_within_bounds)
{
        unsigned seed = 1;
        Batch batch;

        batch_init(&batch);
        for (unsigned round = 0; round < rounds(100000); round++) {
                const unsigned n_slots = 1 + (unsigned)rand_r(&seed) % 64,
                               max = 1 + (unsigned)rand_r(&seed) % 300;
                const size_t n_remaining = (size_t)rand_r(&seed) % 5000;

                batch_add(&batch, (uint64_t)rand_r(&seed) >> (rand_r(&seed) % 31));

                const unsigned n = batch_get_target(&batch, n_slots, n_remaining, max);
                const Batch longer = { .mean_usec = batch.mean_usec + 1 +
                                                       (uint64_t)rand_r(&seed) % 50000,
                                       .is_fed = true };

                ck_assert_uint_ge(n, 1);
                ck_assert_uint_le(n, max);
                ck_assert_uint_le(n, MAX(n_remaining / (2 * n_slots) + 1, (size_t)1));
                ck_assert_uint_ge(n, batch_get_target(&longer, n_slots, n_remaining, max));
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-batch");
        TCase *tcase = tcase_create("batch");

        tcase_add_test(tcase, batch_before_the_first_duration_is_one);
        tcase_add_test(tcase, batch_of_long_tests_is_the_running_one);
        tcase_add_test(tcase, batch_of_short_tests_covers_the_stock);
        tcase_add_test(tcase, batch_takes_a_fair_share_of_what_remains);
        tcase_add_test(tcase, batch_follows_a_change_of_pace);
        tcase_add_test(tcase, batch_random_durations_stay_within_bounds);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
