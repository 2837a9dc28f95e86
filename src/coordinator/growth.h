/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/event-log.h"
#include "model/address-table.h"
#include "model/plan.h"
#include "model/schedule.h"

/*
 * Growth: what tests bring forth becomes tests of the suite, of the plan and of the schedule
 *
 * Of what a test of a module found the module has a template; what a program found is run with what that program
 * says, and is like it in all else. What has the address of a test that is there already is dropped. A test that
 * found what cannot become a test is not well: nothing that was found is lost without a word.
 */

typedef struct GrowthProblem {
        uint32_t finder;
        char *text;
        struct GrowthProblem *prev, *next;
} GrowthProblem;

typedef struct Growth {
        Suite *suite;
        Plan *plan;
        Schedule *schedule;
        EventLog *log;
        AddressTable addresses; /* from the first test that was found on */
        uint32_t finder;        /* of what is not told yet */
        size_t n_found, n_duplicates;
        GrowthProblem *problems; /* the first of each finder, until it has ended */
} Growth;

void growth_done(Growth *growth);

/* Adds what a test that runs has found: words of each. The new tests stand at the end of the suite. */
void growth_add(Growth *growth, uint32_t finder, char **const *items, size_t n_items);

/* Records what was found and not told yet: before anything that is about these tests. */
void growth_tell(Growth *growth);

/* The result of a test, if it found what cannot become a test, is an error. */
void growth_judge(Growth *growth, uint32_t test, Result *result);
