/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/dispatch.h"

#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/strv.h"

#define TOO_LARGE "its command line and environment are too large to be sent (64 KiB)"

static bool slot_is_at_long_test(const Slot *slot) {
        SlotRunning running;

        return slot_get_running(slot, &running) &&
                        clock_monotonic() > running.started_usec + DISPATCH_LONG;
}

static void dispatch_log_failure(const Slot *slot, int error) {
        log_debug("worker %u: cannot be given tasks: %s", slot_get_number(slot), strerror(-error));
}

/* Takes out the tests that cannot be run; gives how many are left. */
static size_t dispatch_reject_unloaded(Dispatch *dispatch, uint32_t *tests, size_t n) {
        size_t left = 0;

        for (size_t i = 0; i < n; i++) {
                const char *error = packed_test_get_load_error(dispatch->suite->tests[tests[i]]);

                if (error)
                        dispatch->handlers.on_reject(tests[i], error, dispatch->handlers.userdata);
                else
                        tests[left++] = tests[i];
        }
        return left;
}

/* The last one first, so that they wait in their order. */
static void dispatch_take_back(Dispatch *dispatch, const uint32_t *tests, size_t n) {
        while (n > 0)
                schedule_on_returned(dispatch->schedule, tests[--n]);
}

/* False: one of them was rejected. */
static bool dispatch_send(Dispatch *dispatch, Slot *slot, uint32_t *tests, size_t n) {
        _cleanup_strv_ char **exports = NULL;
        unsigned attempts[PTEST_TASKS_MAX];
        size_t sent = 0;
        int r = 0;

        for (size_t i = 0; i < n; i++)
                attempts[i] = plan_get_attempt(dispatch->plan, tests[i]);
        /* The tests of one step have all the same context. */
        if (dispatch->suite->tests[tests[0]]->traits->context != CONTEXT_NONE)
                r = schedule_get_test_exports(
                                dispatch->schedule, tests[0], slot_get_number(slot) - 1, &exports);
        if (r >= 0)
                r = slot_send(slot, tests, attempts, exports, n, &sent);
        for (size_t i = 0; i < sent; i++)
                plan_set_sent(dispatch->plan, tests[i]);
        if (r == -EMSGSIZE) {
                dispatch->handlers.on_reject(tests[0], TOO_LARGE, dispatch->handlers.userdata);
                sent = 1;
        } else if (r < 0)
                dispatch_log_failure(slot, r);
        dispatch_take_back(dispatch, tests + sent, n - sent);
        return r != -EMSGSIZE;
}

const Test *dispatch_get_fixture(const Dispatch *dispatch, uint32_t context, PtestRole role) {
        const Context *c = dispatch->suite->contexts[context - 1];

        return role == PTEST_ROLE_SET_UP ? c->set_up : c->tear_down ?: dispatch->nothing;
}

/* False: it was rejected. */
static bool dispatch_send_fixture(Dispatch *dispatch, Slot *slot, const ScheduleStep *step) {
        _cleanup_strv_ char **exports = NULL;
        PtestRole role = step->action == SCHEDULE_SET_UP ? PTEST_ROLE_SET_UP : PTEST_ROLE_TEAR_DOWN;
        const Test *what = dispatch_get_fixture(dispatch, step->context, role);
        int r;

        r = schedule_get_exports(dispatch->schedule, step->instance, &exports);
        if (r >= 0)
                r = slot_send_fixture(slot, step->instance, role, what, exports);
        if (r == -EMSGSIZE)
                dispatch->handlers.on_reject_fixture(
                                step->instance, role, TOO_LARGE, dispatch->handlers.userdata);
        else if (r < 0) {
                dispatch_log_failure(slot, r);
                schedule_on_fixture_returned(dispatch->schedule, step->instance);
        }
        return r != -EMSGSIZE;
}

/* How many tests the slot is to get now. */
static size_t dispatch_count_wanted(const Dispatch *dispatch, const Slot *slot) {
        size_t held = slot_get_in_flight(slot), target;

        if (held > 0 && (dispatch->hands_back || slot_is_at_long_test(slot)))
                return 0;
        target = batch_get_target(
                        &dispatch->batch,
                        dispatch->n_workers,
                        schedule_count_waiting(dispatch->schedule),
                        PTEST_TASKS_MAX);
        /* Refilled when half is done: fewer, larger messages. */
        return held >= target || (held > 0 && held > target / 2) ? 0 : target - held;
}

/* What comes of an attempt to give a slot something. */
typedef enum Fill {
        FILL_DONE,
        FILL_AGAIN, /* there may be more for it: what it was to get could not be run */
        FILL_REJECTED, /* the same, and nobody is to get anything before somebody has looked at that failure */
} Fill;

static Fill dispatch_fill_slot(Dispatch *dispatch, Slot *slot) {
        uint32_t tests[PTEST_TASKS_MAX];
        ScheduleStep step;
        bool good = true;
        size_t n, left;

        n = dispatch_count_wanted(dispatch, slot);
        if (n == 0)
                return FILL_DONE;
        if (schedule_next(dispatch->schedule, slot_get_number(slot) - 1, tests, n, &step) < 0)
                return FILL_DONE;
        if (step.action == SCHEDULE_NOTHING)
                return FILL_DONE;
        if (step.action != SCHEDULE_TESTS) {
                good = dispatch_send_fixture(dispatch, slot, &step);
                return good || !dispatch->hands_back ? FILL_DONE : FILL_REJECTED;
        }
        left = dispatch_reject_unloaded(dispatch, tests, step.n_tests);
        if (left < step.n_tests && dispatch->hands_back) {
                dispatch_take_back(dispatch, tests, left);
                return FILL_REJECTED;
        }
        if (left > 0)
                good = dispatch_send(dispatch, slot, tests, left);
        if (!good && dispatch->hands_back)
                return FILL_REJECTED;
        return left < step.n_tests ? FILL_AGAIN : FILL_DONE;
}

/* Whoever rejects wakes the coordinator: it comes again, unless that was one failure too many. */
void dispatch_fill(Dispatch *dispatch) {
        for (unsigned i = 0; i < pool_get_size(dispatch->pool); i++) {
                Slot *slot = pool_get_slot(dispatch->pool, i);
                Fill fill = FILL_AGAIN;

                while (fill == FILL_AGAIN && slot_takes_tasks(slot))
                        fill = dispatch_fill_slot(dispatch, slot);
                if (fill == FILL_REJECTED)
                        return;
        }
}

void dispatch_on_returned(Dispatch *dispatch, uint32_t test) {
        plan_set_waiting(dispatch->plan, test);
        schedule_on_returned(dispatch->schedule, test);
}

void dispatch_on_result(Dispatch *dispatch, uint32_t test, const Result *result) {
        batch_add(&dispatch->batch, result->duration_usec);
}

void dispatch_rebalance(Dispatch *dispatch) {
        /* It would come back to the same worker, behind what was sent meanwhile. */
        if (dispatch->n_workers < 2)
                return;
        for (unsigned i = 0; i < pool_get_size(dispatch->pool); i++) {
                Slot *slot = pool_get_slot(dispatch->pool, i);

                if (slot_get_in_flight(slot) > 1 && slot_is_at_long_test(slot))
                        slot_recall(slot);
        }
}
