/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/outcome.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The count of outcomes, and the verdict over a run
 */

typedef enum Verdict {
        VERDICT_PASSED, /* exit status 0 */
        VERDICT_FAILED, /* 1: tests failed */
        VERDICT_MACHINERY_FAILED, /* 3: a worker could not be started, a slot was lost, a record not written */
        VERDICT_NOTHING_TO_RUN, /* 4 */
        VERDICT_INCOMPLETE,     /* 5: interrupted, run limit, tests without an outcome */
        VERDICT_MAX,
        VERDICT_INVALID = -22, /* -EINVAL */
} Verdict;

typedef struct Tally {
        size_t planned;
        size_t count[PTEST_OUTCOME_MAX];
        size_t marked_slow, marked_flaky, marked_leaky, marked_dirty;
} Tally;

/* The outcome is a valid one. */
void tally_add(Tally *tally, Outcome outcome, unsigned marks);
size_t tally_reported(const Tally *tally);
size_t tally_bad(const Tally *tally);

/* NULL for an invalid value */
const char *verdict_to_string(Verdict verdict);
/* VERDICT_INVALID for an unknown word */
Verdict verdict_from_string(const char *s);
int verdict_to_exit_status(Verdict verdict);
