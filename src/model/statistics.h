/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Statistics: whether a measurement is more than noise
 *
 * Durations and sizes of tests vary from run to run, by a lot and now and then by very much. So all here is made of
 * medians, which a few wild values do not move. The rules stand in ptest(1), section COMPARING.
 */

/* What a number of measurements of one thing say. */
typedef struct Spread {
        size_t n;
        uint64_t median;
        uint64_t deviation; /* the median of how far each is from the median (MAD) */
        uint64_t least, most;
} Spread;

/* From when a difference counts. */
typedef struct NoiseRule {
        unsigned percent;       /* of the median, where how much it varies is not known */
        unsigned known_percent; /* where it is */
        uint64_t least;         /* a smaller difference interests nobody */
} NoiseRule;

extern const NoiseRule NOISE_RULE_DURATION; /* microseconds */
extern const NoiseRule NOISE_RULE_MEMORY;   /* bytes */

/* With fewer measurements nothing can be said of how much they vary. */
#define NOISE_KNOWN_MIN 4U
/* How many standard deviations a value has to be off; see noise_judge(). */
#define NOISE_SIGMAS    5U

typedef enum Change {
        CHANGE_LESS = -1,
        CHANGE_NONE = 0,
        CHANGE_MORE = 1,
} Change;

/* n is at least 1; sorts the values. */
uint64_t statistics_get_median(uint64_t *values, size_t n);
Spread statistics_get_spread(uint64_t *values, size_t n);

/*
 * A value against those before it, of which there is at least one. With fewer than NOISE_KNOWN_MIN of them it is more
 * if it is rule->percent of their median or more. With more of them: if it is rule->known_percent of it or more, and
 * more than NOISE_SIGMAS standard deviations above it (of a normal distribution with that MAD), and above each of
 * them. In both cases by rule->least or more. CHANGE_LESS is the same with the parts exchanged.
 */
Change noise_judge(const NoiseRule *rule, const Spread *before, uint64_t value);
/* Whether one value against one other can be more or less at all, however little they may vary. */
Change noise_suspect(const NoiseRule *rule, uint64_t before, uint64_t value);

/*
 * How a series of measurements, the oldest first, went on: the median of its last third against that of its first third.
 * It is a change if one value against one other were one, and if it is more than TREND_ERRORS standard errors.
 */
typedef struct Trend {
        Change change;
        uint64_t from, to; /* the medians of the two */
} Trend;

/* With fewer there is no trend. */
#define TREND_MIN    6U
#define TREND_ERRORS 3U

/* n is at least TREND_MIN; puts the values in disorder. */
Trend statistics_get_trend(const NoiseRule *rule, uint64_t *values, size_t n);
