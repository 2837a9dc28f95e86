/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/outcome.h"

#include <stddef.h>

/*
 * Flakiness: what the results of one test in a number of runs, the oldest first, say of how much it can be relied on
 *
 * A result counts if it is good (pass, xfail) or bad; skip and not-run say nothing. A test is flaky if a result was
 * marked so (it passed after bad attempts), or if its results changed between good and bad more than once. One that
 * changed once was broken or was fixed.
 */

typedef struct Flakiness {
        size_t n_judged;   /* results that count */
        size_t n_bad;      /* those that are bad */
        size_t n_marked;   /* those that are good at last, and marked */
        size_t n_changes;  /* from one of those that count to the next */
        bool bad;          /* the last one of them is */
        size_t n_added;    /* all */
        size_t last_seen;  /* number of the last one that was bad or marked, from 1; 0: none */
        size_t changed_at; /* number of the last one that was not like the one before; 0: none */
} Flakiness;

void flakiness_add(Flakiness *flakiness, Outcome outcome, unsigned marks);
/* A run in which the test has no result, or none that counts for this */
void flakiness_skip(Flakiness *flakiness);

bool flakiness_is_flaky(const Flakiness *flakiness);
/* Once, and nothing else: it was broken (then bad is set), or fixed. */
bool flakiness_has_changed_once(const Flakiness *flakiness);
/* The share of results that were bad or marked, 0 to 1, of a flaky test; 0 of others. */
double flakiness_get_rate(const Flakiness *flakiness);
