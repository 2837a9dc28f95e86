/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tally.h"

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The plan: where each test of a run stands, and that each ends in exactly one outcome
 *
 *      WAITING ⇄ SENT ─▶ DONE        (WAITING ─▶ DONE too, for what is never run)
 *
 * A test is named by its index in the suite.
 */

typedef enum PlanState {
        PLAN_WAITING, /* in the queue */
        PLAN_SENT,    /* a worker has it */
        PLAN_DONE,    /* has its outcome */
} PlanState;

typedef struct Plan Plan;

int plan_new(size_t n_tests, Plan **ret);
Plan *plan_free(Plan *plan);
DEFINE_CLEANUP(Plan, plan_free);

/* Room for so many tests, so that plan_add() cannot fail. -ENOMEM */
int plan_reserve(Plan *plan, size_t n_tests);
/* One more test, which waits. */
void plan_add(Plan *plan);

PlanState plan_get_state(const Plan *plan, uint32_t test);
/* From 1; grows when a test that had been started is tried again. */
unsigned plan_get_attempt(const Plan *plan, uint32_t test);

/* Only from WAITING. */
void plan_set_sent(Plan *plan, uint32_t test);
/* Only from SENT: it was not started, the attempt stays. */
void plan_set_waiting(Plan *plan, uint32_t test);
/* Only from SENT: it is to be tried once more. At most PLAN_ATTEMPTS_MAX attempts. */
void plan_retry(Plan *plan, uint32_t test);
#define PLAN_ATTEMPTS_MAX 20000U
/* Only WAITING: those before were made in another run. */
void plan_set_attempt(Plan *plan, uint32_t test, unsigned attempt);

/* Gives the outcome. -EALREADY: it has one; nothing is changed. */
int plan_complete(Plan *plan, uint32_t test, Outcome outcome, unsigned marks);

const Tally *plan_get_tally(const Plan *plan);
bool plan_is_complete(const Plan *plan);
