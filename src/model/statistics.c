/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/statistics.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "basic/macros.h"

const NoiseRule NOISE_RULE_DURATION = {
        .percent = 150,
        .known_percent = 120,
        .least = 100 * USEC_PER_MSEC,
};

const NoiseRule NOISE_RULE_MEMORY = {
        .percent = 150,
        .known_percent = 120,
        .least = 8 * MIB,
};

/* The standard deviation of a normal distribution with a MAD of 1. */
#define SIGMA_OF_DEVIATION 1.4826

static int value_compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t sorted_get_median(const uint64_t *values, size_t n) {
        uint64_t low = values[(n - 1) / 2], high = values[n / 2];

        return low + (high - low) / 2;
}

uint64_t statistics_get_median(uint64_t *values, size_t n) {
        assert(n > 0);

        qsort(values, n, sizeof(uint64_t), value_compare);
        return sorted_get_median(values, n);
}

static uint64_t distance(uint64_t a, uint64_t b) {
        return a > b ? a - b : b - a;
}

/* Of sorted values, without memory of its own: those that are nearest to the median are around it. */
static uint64_t sorted_get_deviation(const uint64_t *values, size_t n, uint64_t median) {
        size_t low = 0, high = n; /* what is not taken yet: [0, low) and [high, n) */
        uint64_t previous = 0, last = 0;

        while (low < n && values[low] < median)
                low++;
        high = low;
        for (size_t taken = 0; taken <= n / 2; taken++) {
                uint64_t below = low > 0 ? distance(values[low - 1], median) : UINT64_MAX;
                uint64_t above = high < n ? distance(values[high], median) : UINT64_MAX;
                bool take_below = low > 0 && (high == n || below < above);

                previous = last;
                last = take_below ? below : above;
                if (take_below)
                        low--;
                else
                        high++;
        }
        return n % 2 == 1 ? last : previous + (last - previous) / 2;
}

Spread statistics_get_spread(uint64_t *values, size_t n) {
        uint64_t median = statistics_get_median(values, n);

        return (Spread){
                .n = n,
                .median = median,
                .deviation = sorted_get_deviation(values, n, median),
                .least = values[0],
                .most = values[n - 1],
        };
}

/* In floating point: what is compared here is never so near that its precision matters, and nothing overflows. */
static bool is_more(const NoiseRule *rule, unsigned percent, uint64_t low, uint64_t high) {
        return high > low && high - low >= rule->least &&
                        (double)high * 100.0 >= (double)low * (double)percent;
}

Change noise_judge(const NoiseRule *rule, const Spread *before, uint64_t value) {
        bool known = before->n >= NOISE_KNOWN_MIN;
        unsigned percent = known ? rule->known_percent : rule->percent;
        double noise = known ? NOISE_SIGMAS * SIGMA_OF_DEVIATION * (double)before->deviation : 0;

        assert(before->n > 0);

        if ((double)distance(value, before->median) <= noise)
                return CHANGE_NONE;
        if (is_more(rule, percent, before->median, value) && (!known || value > before->most))
                return CHANGE_MORE;
        if (is_more(rule, percent, value, before->median) && (!known || value < before->least))
                return CHANGE_LESS;
        return CHANGE_NONE;
}

Change noise_suspect(const NoiseRule *rule, uint64_t before, uint64_t value) {
        if (is_more(rule, rule->known_percent, before, value))
                return CHANGE_MORE;
        return is_more(rule, rule->known_percent, value, before) ? CHANGE_LESS : CHANGE_NONE;
}

/*
 * Whether two medians differ by more than TREND_ERRORS standard errors of their difference. That of a median of n values
 * is 1.25 standard deviations by the root of n; squared, so that no root has to be found.
 */
static bool medians_differ(const Spread *a, const Spread *b) {
        double sigma = SIGMA_OF_DEVIATION * (double)MAX(a->deviation, b->deviation);
        double difference = (double)distance(a->median, b->median);
        double error_squared = 1.25 * 1.25 * sigma * sigma * 2 / (double)a->n;

        return difference * difference > TREND_ERRORS * TREND_ERRORS * error_squared;
}

Trend statistics_get_trend(const NoiseRule *rule, uint64_t *values, size_t n) {
        Spread before, after, pair;
        size_t third = n / 3;

        assert(n >= TREND_MIN);

        before = statistics_get_spread(values, third);
        after = statistics_get_spread(values + n - third, third);
        pair = (Spread){ .n = 1, .median = before.median };
        return (Trend){
                .from = before.median,
                .to = after.median,
                .change = medians_differ(&before, &after) ? noise_judge(rule, &pair, after.median) :
                                                            CHANGE_NONE,
        };
}
