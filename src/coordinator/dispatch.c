/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/dispatch.h"

#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"

static bool slot_is_at_long_test(const Slot *slot) {
        uint64_t started;
        uint32_t test;

        return slot_get_running(slot, &test, &started) &&
                        clock_monotonic() > started + DISPATCH_LONG;
}

static void dispatch_put_back(Dispatch *dispatch, const uint32_t *tests, size_t n) {
        while (n > 0)
                queue_return(dispatch->queue, tests[--n]);
}

/* Sends up to n tests from the head of the queue; stops before an exclusive one unless it is the first. */
static void dispatch_send(
                Dispatch *dispatch,
                Slot *slot,
                size_t n,
                dispatch_reject_t on_reject,
                void *userdata) {
        uint32_t tests[PTEST_TASKS_MAX];
        unsigned attempts[PTEST_TASKS_MAX];
        size_t taken = 0, sent = 0;
        int r;

        while (taken < MIN(n, ELEMENTSOF(tests)) && queue_get_length(dispatch->queue) > 0) {
                uint32_t test = queue_peek(dispatch->queue);
                const PackedTest *t = dispatch->suite->tests[test];

                if (taken > 0 && t->exclusive)
                        break;
                if (t->has_load_error) {
                        on_reject(queue_pop(dispatch->queue),
                                  packed_test_get_load_error(t),
                                  userdata);
                        continue;
                }
                tests[taken] = queue_pop(dispatch->queue);
                attempts[taken] = plan_get_attempt(dispatch->plan, test);
                taken++;
        }
        if (taken == 0)
                return;
        r = slot_send(slot, tests, attempts, taken, &sent);
        for (size_t i = 0; i < sent; i++)
                plan_set_sent(dispatch->plan, tests[i]);
        if (r == -EMSGSIZE) {
                dispatch_put_back(dispatch, tests + 1, taken - 1);
                on_reject(tests[0],
                          "its command line and environment are too large to be sent (64 KiB)",
                          userdata);
                return;
        }
        if (r < 0)
                log_debug("worker %u: cannot be given tests: %s",
                          slot_get_number(slot),
                          strerror(-r));
        dispatch_put_back(dispatch, tests + sent, taken - sent);
}

static void dispatch_fill_slot(
                Dispatch *dispatch, Slot *slot, dispatch_reject_t on_reject, void *userdata) {
        size_t held = slot_get_in_flight(slot), target;

        if (held > 0 && slot_is_at_long_test(slot))
                return;
        target = batch_get_target(
                        &dispatch->batch,
                        pool_get_size(dispatch->pool),
                        queue_get_length(dispatch->queue),
                        PTEST_TASKS_MAX);
        /* Refilled when half is done: fewer, larger messages. */
        if (held > 0 && held > target / 2)
                return;
        if (held < target)
                dispatch_send(dispatch, slot, target - held, on_reject, userdata);
}

static void dispatch_fill_exclusive(
                Dispatch *dispatch, dispatch_reject_t on_reject, void *userdata) {
        if (pool_count_in_flight(dispatch->pool) > 0)
                return;
        for (unsigned i = 0; i < pool_get_size(dispatch->pool); i++) {
                Slot *slot = pool_get_slot(dispatch->pool, i);

                if (!slot_takes_tasks(slot))
                        continue;
                dispatch_send(dispatch, slot, 1, on_reject, userdata);
                dispatch->exclusive = slot_get_in_flight(slot) > 0;
                return;
        }
}

static bool dispatch_head_is_exclusive(const Dispatch *dispatch) {
        return dispatch->suite->tests[queue_peek(dispatch->queue)]->exclusive;
}

void dispatch_fill(Dispatch *dispatch, dispatch_reject_t on_reject, void *userdata) {
        if (dispatch->exclusive)
                return;
        for (unsigned i = 0; i < pool_get_size(dispatch->pool); i++) {
                Slot *slot = pool_get_slot(dispatch->pool, i);

                if (queue_get_length(dispatch->queue) == 0)
                        return;
                if (dispatch_head_is_exclusive(dispatch)) {
                        dispatch_fill_exclusive(dispatch, on_reject, userdata);
                        return;
                }
                if (slot_takes_tasks(slot))
                        dispatch_fill_slot(dispatch, slot, on_reject, userdata);
        }
}

void dispatch_on_returned(Dispatch *dispatch, uint32_t test) {
        if (dispatch->suite->tests[test]->exclusive)
                dispatch->exclusive = false;
        plan_set_waiting(dispatch->plan, test);
        queue_return(dispatch->queue, test);
}

void dispatch_on_result(Dispatch *dispatch, uint32_t test, const Result *result) {
        if (dispatch->suite->tests[test]->exclusive)
                dispatch->exclusive = false;
        batch_add(&dispatch->batch, result->duration_usec);
}

void dispatch_rebalance(Dispatch *dispatch) {
        for (unsigned i = 0; i < pool_get_size(dispatch->pool); i++) {
                Slot *slot = pool_get_slot(dispatch->pool, i);

                if (slot_get_in_flight(slot) > 1 && slot_is_at_long_test(slot))
                        slot_recall(slot);
        }
}
