/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/statistics.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/macros.h"
#include "test-runner.h"

static int value_compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static Spread spread_of(const uint64_t *values, size_t n) {
        uint64_t copy[16];

        ck_assert_uint_le(n, ELEMENTSOF(copy));
        memcpy(copy, values, n * sizeof(uint64_t));
        return statistics_get_spread(copy, n);
}

#define SPREAD(...)                                  \
        spread_of((const uint64_t[]){ __VA_ARGS__ }, \
                  ELEMENTSOF(((const uint64_t[]){ __VA_ARGS__ })))

START_TEST(median_is_the_middle_or_between_the_two_middle_ones)
{
        uint64_t odd[] = { 9, 1, 5 }, even[] = { 8, 2, 4, 100 }, one[] = { 7 };
        uint64_t large[] = { UINT64_MAX, UINT64_MAX - 2 };

        ck_assert_uint_eq(statistics_get_median(odd, 3), 5);
        ck_assert_uint_eq(statistics_get_median(even, 4), 6);
        ck_assert_uint_eq(statistics_get_median(one, 1), 7);
        ck_assert_uint_eq(statistics_get_median(large, 2), UINT64_MAX - 1);
}
END_TEST

START_TEST(spread_is_not_moved_by_one_wild_value)
{
        Spread spread = SPREAD(10, 11, 12, 13, 100000);

        ck_assert_uint_eq(spread.n, 5);
        ck_assert_uint_eq(spread.median, 12);
        ck_assert_uint_eq(spread.deviation, 1);
        ck_assert_uint_eq(spread.least, 10);
        ck_assert_uint_eq(spread.most, 100000);
        ck_assert_uint_eq(SPREAD(5).deviation, 0);
        ck_assert_uint_eq(SPREAD(4, 8).deviation, 2);
        ck_assert_uint_eq(SPREAD(0, 0, 0, 50).deviation, 0);
}
END_TEST

/* The deviation is found without a second sort: it must be what the definition says. */
START_TEST(deviation_is_the_median_of_the_distances)
{
        unsigned seed = 1;

        for (int round = 0; round < 2000; round++) {
                size_t n = (size_t)(rand_r(&seed) % 12) + 1;
                uint64_t values[12], distances[12];
                Spread spread;

                for (size_t i = 0; i < n; i++)
                        values[i] = (uint64_t)(rand_r(&seed) % (round % 2 ? 5 : 1000));
                spread = statistics_get_spread(values, n);
                for (size_t i = 0; i < n; i++)
                        distances[i] = values[i] > spread.median ? values[i] - spread.median :
                                                                   spread.median - values[i];
                qsort(distances, n, sizeof(uint64_t), value_compare);
                ck_assert_uint_eq(
                                spread.deviation, (distances[(n - 1) / 2] + distances[n / 2]) / 2);
        }
}
END_TEST

static Change judge_msec(Spread before, uint64_t msec) {
        before.median *= USEC_PER_MSEC;
        before.deviation *= USEC_PER_MSEC;
        before.least *= USEC_PER_MSEC;
        before.most *= USEC_PER_MSEC;
        return noise_judge(&NOISE_RULE_DURATION, &before, msec * USEC_PER_MSEC);
}

START_TEST(pair_needs_both_the_ratio_and_the_difference)
{
        ck_assert_int_eq(judge_msec(SPREAD(1000), 1500), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(1000), 1499), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(1500), 1000), CHANGE_LESS);
        ck_assert_int_eq(judge_msec(SPREAD(1499), 1000), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(1), 99), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(1), 101), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(0), 100), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(0), 0), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(200), 0), CHANGE_LESS);
}
END_TEST

START_TEST(three_measurements_are_judged_as_their_median)
{
        ck_assert_int_eq(judge_msec(SPREAD(1000, 5000, 1000), 1500), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(1000, 5000, 1000), 1499), CHANGE_NONE);
}
END_TEST

START_TEST(steady_test_is_slower_with_a_smaller_difference)
{
        ck_assert_int_eq(judge_msec(SPREAD(1000, 1005, 1010, 995), 1250), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(1000, 1005, 1010, 995), 1150), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(1000, 1005, 1010, 995), 790), CHANGE_LESS);
        ck_assert_int_eq(judge_msec(SPREAD(100, 100, 100, 100), 190), CHANGE_NONE);
}
END_TEST

START_TEST(test_that_varies_is_not_slower_within_what_it_varies)
{
        /* Median 1000, deviation 200: five sigmas are 1483 ms. */
        ck_assert_int_eq(judge_msec(SPREAD(600, 800, 1000, 1200, 1400), 2400), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(600, 800, 1000, 1200, 1400), 2500), CHANGE_MORE);
}
END_TEST

START_TEST(what_was_there_before_is_not_more)
{
        ck_assert_int_eq(judge_msec(SPREAD(1000, 1000, 1000, 1000, 3000), 3000), CHANGE_NONE);
        ck_assert_int_eq(judge_msec(SPREAD(1000, 1000, 1000, 1000, 3000), 3001), CHANGE_MORE);
        ck_assert_int_eq(judge_msec(SPREAD(3000, 3000, 3000, 3000, 1000), 1000), CHANGE_NONE);
}
END_TEST

START_TEST(suspect_is_what_could_be_more_if_it_were_steady)
{
        ck_assert_int_eq(noise_suspect(&NOISE_RULE_DURATION, 1000000, 1200000), CHANGE_MORE);
        ck_assert_int_eq(noise_suspect(&NOISE_RULE_DURATION, 1000000, 1199999), CHANGE_NONE);
        ck_assert_int_eq(noise_suspect(&NOISE_RULE_DURATION, 1200000, 1000000), CHANGE_LESS);
        ck_assert_int_eq(noise_suspect(&NOISE_RULE_DURATION, 10000, 109999), CHANGE_NONE);
}
END_TEST

START_TEST(numbers_of_any_size_do_not_overflow)
{
        Spread before = { .n = 1, .median = UINT64_MAX - 1 };

        ck_assert_int_eq(noise_judge(&NOISE_RULE_MEMORY, &before, UINT64_MAX), CHANGE_NONE);
        ck_assert_int_eq(noise_judge(&NOISE_RULE_MEMORY, &before, 0), CHANGE_LESS);
        before.median = 0;
        ck_assert_int_eq(noise_judge(&NOISE_RULE_MEMORY, &before, UINT64_MAX), CHANGE_MORE);
}
END_TEST

START_TEST(memory_below_a_few_mebibytes_is_noise)
{
        Spread before = { .n = 1, .median = 2 * MIB };

        ck_assert_int_eq(noise_judge(&NOISE_RULE_MEMORY, &before, 9 * MIB), CHANGE_NONE);
        ck_assert_int_eq(noise_judge(&NOISE_RULE_MEMORY, &before, 10 * MIB), CHANGE_MORE);
}
END_TEST

START_TEST(trend_compares_the_ends_of_a_series)
{
        uint64_t grows[12], steady[12], one_wild[12];

        for (size_t i = 0; i < 12; i++) {
                grows[i] = (i + 5) * 100 * USEC_PER_MSEC;
                steady[i] = (1000 + i % 3) * USEC_PER_MSEC;
                one_wild[i] = (i == 11 ? 60000 : 1000) * USEC_PER_MSEC;
        }
        ck_assert_int_eq(statistics_get_trend(&NOISE_RULE_DURATION, grows, 12).change, CHANGE_MORE);
        ck_assert_int_eq(
                        statistics_get_trend(&NOISE_RULE_DURATION, steady, 12).change, CHANGE_NONE);
        ck_assert_int_eq(
                        statistics_get_trend(&NOISE_RULE_DURATION, one_wild, 12).change,
                        CHANGE_NONE);
}
END_TEST

START_TEST(trend_of_what_varies_much_is_none)
{
        /* The two medians are a second and a half apart by chance. */
        uint64_t values[] = {
                300, 2900, 2800, 600, 2700, 1, 1, 1, 1, 1, 2900, 400, 1200, 300, 2600
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                values[i] *= USEC_PER_MSEC;
        ck_assert_int_eq(
                        statistics_get_trend(&NOISE_RULE_DURATION, values, ELEMENTSOF(values))
                                        .change,
                        CHANGE_NONE);
}
END_TEST

START_TEST(trend_tells_the_medians_of_both_ends)
{
        uint64_t values[] = { 9000000, 8000000, 1, 2, 700000, 600000 };
        Trend trend = statistics_get_trend(&NOISE_RULE_DURATION, values, 6);

        ck_assert_int_eq(trend.change, CHANGE_LESS);
        ck_assert_uint_eq(trend.from, 8500000);
        ck_assert_uint_eq(trend.to, 650000);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-statistics");
        TCase *tcase = tcase_create("statistics");

        tcase_add_test(tcase, median_is_the_middle_or_between_the_two_middle_ones);
        tcase_add_test(tcase, spread_is_not_moved_by_one_wild_value);
        tcase_add_test(tcase, deviation_is_the_median_of_the_distances);
        tcase_add_test(tcase, pair_needs_both_the_ratio_and_the_difference);
        tcase_add_test(tcase, three_measurements_are_judged_as_their_median);
        tcase_add_test(tcase, steady_test_is_slower_with_a_smaller_difference);
        tcase_add_test(tcase, test_that_varies_is_not_slower_within_what_it_varies);
        tcase_add_test(tcase, what_was_there_before_is_not_more);
        tcase_add_test(tcase, suspect_is_what_could_be_more_if_it_were_steady);
        tcase_add_test(tcase, numbers_of_any_size_do_not_overflow);
        tcase_add_test(tcase, memory_below_a_few_mebibytes_is_noise);
        tcase_add_test(tcase, trend_compares_the_ends_of_a_series);
        tcase_add_test(tcase, trend_of_what_varies_much_is_none);
        tcase_add_test(tcase, trend_tells_the_medians_of_both_ends);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
