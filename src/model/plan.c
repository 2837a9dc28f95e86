/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/plan.h"

#include <assert.h>
#include <errno.h>

#include "basic/array.h"

typedef struct PlanEntry {
        uint8_t state; /* PlanState */
        uint16_t attempt;
} PlanEntry;

struct Plan {
        Tally tally;
        size_t n_entries, n_allocated;
        PlanEntry *entries;
};

int plan_new(size_t n_tests, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(*plan));
        int r;

        if (!plan)
                return -ENOMEM;
        r = plan_reserve(plan, n_tests);
        if (r < 0)
                return r;
        while (plan->n_entries < n_tests)
                plan_add(plan);
        *ret = TAKE_PTR(plan);
        return 0;
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        free(plan->entries);
        free(plan);
        return NULL;
}

int plan_reserve(Plan *plan, size_t n_tests) {
        if (n_tests > UINT32_MAX)
                return -E2BIG;
        return array_reserve(plan->entries, plan->n_allocated, n_tests);
}

void plan_add(Plan *plan) {
        assert(plan->n_entries < plan->n_allocated);

        plan->entries[plan->n_entries++] = (PlanEntry){ .state = PLAN_WAITING, .attempt = 1 };
        plan->tally.planned = plan->n_entries;
}

PlanState plan_get_state(const Plan *plan, uint32_t test) {
        assert(test < plan->n_entries);
        return (PlanState)plan->entries[test].state;
}

unsigned plan_get_attempt(const Plan *plan, uint32_t test) {
        assert(test < plan->n_entries);
        return plan->entries[test].attempt;
}

void plan_set_sent(Plan *plan, uint32_t test) {
        assert(plan_get_state(plan, test) == PLAN_WAITING);
        plan->entries[test].state = PLAN_SENT;
}

void plan_set_waiting(Plan *plan, uint32_t test) {
        assert(plan_get_state(plan, test) == PLAN_SENT);
        plan->entries[test].state = PLAN_WAITING;
}

void plan_retry(Plan *plan, uint32_t test) {
        assert(plan->entries[test].attempt < PLAN_ATTEMPTS_MAX);
        plan_set_waiting(plan, test);
        plan->entries[test].attempt++;
}

void plan_set_attempt(Plan *plan, uint32_t test, unsigned attempt) {
        assert(plan_get_state(plan, test) == PLAN_WAITING);
        assert(attempt > 0 && attempt <= PLAN_ATTEMPTS_MAX);
        plan->entries[test].attempt = (uint16_t)attempt;
}

int plan_complete(Plan *plan, uint32_t test, Outcome outcome, unsigned marks) {
        if (plan_get_state(plan, test) == PLAN_DONE)
                return -EALREADY;
        plan->entries[test].state = PLAN_DONE;
        tally_add(&plan->tally, outcome, marks);
        return 0;
}

const Tally *plan_get_tally(const Plan *plan) {
        return &plan->tally;
}

bool plan_is_complete(const Plan *plan) {
        return tally_reported(&plan->tally) == plan->n_entries;
}
