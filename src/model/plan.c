/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/plan.h"

#include <assert.h>
#include <errno.h>

typedef struct PlanEntry {
        uint8_t state; /* PlanState */
        uint8_t attempt;
} PlanEntry;

struct Plan {
        Tally tally;
        size_t n_entries;
        PlanEntry entries[];
};

int plan_new(size_t n_tests, Plan **ret) {
        Plan *plan;

        if (n_tests > UINT32_MAX)
                return -E2BIG;
        plan = calloc(1, sizeof(*plan) + n_tests * sizeof(plan->entries[0]));
        if (!plan)
                return -ENOMEM;
        plan->n_entries = n_tests;
        plan->tally.planned = n_tests;
        for (size_t i = 0; i < n_tests; i++)
                plan->entries[i] = (PlanEntry){ .state = PLAN_WAITING, .attempt = 1 };
        *ret = plan;
        return 0;
}

Plan *plan_free(Plan *plan) {
        free(plan);
        return NULL;
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
