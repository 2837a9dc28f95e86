/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tasks of a slot's worker: how they get there, and what becomes of each that has no result when it is gone
 */

#include "coordinator/slot-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "coordinator/settle.h"

/* ---- There ---- */

/* Tasks with tests that were unpacked to be sent. */
typedef struct OutgoingTasks {
        Task items[PTEST_TASKS_MAX];
        size_t n;
} OutgoingTasks;

static void outgoing_tasks_done(OutgoingTasks *tasks) {
        for (size_t i = 0; i < tasks->n; i++)
                test_free(tasks->items[i].test);
}

static int outgoing_tasks_add(OutgoingTasks *tasks, const Task *task, const PackedTest *packed) {
        int r;

        tasks->items[tasks->n] = *task;
        r = packed_test_unpack(packed, &tasks->items[tasks->n].test);
        if (r < 0)
                return r;
        tasks->n++;
        return 0;
}

static int slot_send_tasks(
                Slot *slot, const Task *tasks, const uint32_t *tests, size_t n, size_t *ret_sent) {
        size_t sent = 0;
        int r;

        r = outbox_send_tasks(slot->outbox, tasks, n, &sent);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sent; i++) {
                bool fixture = tasks[i].role != PTEST_ROLE_TEST;

                r = in_flight_add(
                                &slot->in_flight,
                                &(InFlightTask){ .id = tasks[i].id,
                                                 .role = tasks[i].role,
                                                 .test = tests[i],
                                                 .fixture = fixture ? tasks[i].test : NULL,
                                                 .attempt = tasks[i].attempt });
                assert(r >= 0);
        }
        *slot->context->last_id += sent;
        slot->active_usec = clock_monotonic();
        slot_set_state(slot, SLOT_BUSY);
        *ret_sent = sent;
        return 0;
}

int slot_send(Slot *slot,
              const uint32_t *tests,
              const unsigned *attempts,
              char *const *exports,
              size_t n,
              size_t *ret_sent) {
        const SlotContext *context = slot->context;
        _cleanup_(outgoing_tasks_done) OutgoingTasks tasks;
        int r;

        assert(slot_takes_tasks(slot));
        assert(n > 0);

        n = MIN(n, ELEMENTSOF(tasks.items) - slot->in_flight.n_tasks);
        tasks.n = 0; /* not all of its 256 tasks, each time */
        for (size_t i = 0; i < n; i++) {
                r = outgoing_tasks_add(
                                &tasks,
                                &(Task){ .id = *context->last_id + 1 + i,
                                         .attempt = attempts[i],
                                         .exports = (char **)exports },
                                context->suite->tests[tests[i]]);
                if (r < 0)
                        return r;
        }
        return slot_send_tasks(slot, tasks.items, tests, n, ret_sent);
}

int slot_send_fixture(
                Slot *slot,
                uint32_t instance,
                PtestRole role,
                const Test *what,
                char *const *exports) {
        size_t sent;
        Task task = {
                .id = *slot->context->last_id + 1,
                .attempt = 1,
                .test = (Test *)what,
                .role = role,
                .instance = instance,
                .exports = (char **)exports,
        };

        assert(slot_takes_tasks(slot));
        return slot_send_tasks(slot, &task, &instance, 1, &sent);
}

void slot_recall(Slot *slot) {
        uint64_t ids[PTEST_TASKS_MAX];
        size_t n = 0;
        int r;

        if (slot->state != SLOT_BUSY || slot->in_flight.n_tasks < 2)
                return;
        for (size_t i = 1; i < slot->in_flight.n_tasks; i++)
                ids[n++] = slot->in_flight.tasks[i].id;
        r = outbox_send(slot->outbox,
                        &(Message){
                                        .kind = MESSAGE_CANCEL,
                                        .cancel = {.ids = ids, .n_ids = n}
        });
        if (r < 0)
                log_debug("worker %u.%u: cannot recall its tasks: %s",
                          slot->number,
                          slot->generation,
                          strerror(-r));
}

/* ---- And back ---- */

void slot_return(Slot *slot, const InFlightTask *task) {
        const SlotContext *context = slot->context;

        if (task->role == PTEST_ROLE_TEST)
                context->handlers->on_returned(slot, task->test, context->userdata);
        else
                context->handlers->on_fixture_returned(slot, task->test, context->userdata);
}

void slot_return_unstarted(Slot *slot) {
        InFlight *in_flight = &slot->in_flight;

        for (size_t i = 0; i < in_flight->n_tasks;) {
                InFlightTask task;

                if (in_flight->tasks[i].role == PTEST_ROLE_TEAR_DOWN ||
                    in_flight_cancel(in_flight, in_flight->tasks[i].id, &task) < 0)
                        i++;
                else
                        slot_return(slot, &task);
        }
        if (slot->state == SLOT_BUSY && in_flight->n_tasks == 0)
                slot_set_state(slot, SLOT_IDLE);
}

void slot_deliver(Slot *slot, const InFlightTask *task, Result *result, char **exports) {
        const SlotContext *context = slot->context;

        result->slot = slot->number;
        result->generation = slot->generation;
        result->attempt = task->attempt;
        if (task->role == PTEST_ROLE_TEST) {
                strv_free(exports);
                context->handlers->on_result(slot, task->test, result, context->userdata);
                return;
        }
        context->handlers->on_fixture(
                        slot, task->test, task->role, result, exports, context->userdata);
}

static uint64_t slot_get_age(const PtestPage *page) {
        const uint64_t now = clock_monotonic();

        return now - MIN(clock_from_machine(page->started_usec), now);
}

static void slot_settle_task(
                Slot *slot,
                const InFlightTask *task,
                Settlement settlement,
                const PtestPage *page) {
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        int r = 0;

        if (settlement == SETTLEMENT_UNSTARTED) {
                slot_return(slot, task);
                return;
        }
        if (!task->fixture)
                r = packed_test_unpack(slot->context->suite->tests[task->test], &test);
        if (r >= 0)
                r = settle_make_result(
                                task->fixture ?: test,
                                &(SettleInput){
                                                .settlement = settlement,
                                                .cause = slot->cause,
                                                .why = slot->why,
                                                .end = slot->end,
                                                .ran_usec = slot_get_age(page),
                                                .memory_max = slot->context->suite->settings
                                                                              .worker_memory_max,
                                },
                                &result);
        if (r < 0) {
                log_error_errno(r,
                                "Failed to make the result of %s: %m",
                                slot_get_address(slot, task));
                return;
        }
        slot_deliver(slot, task, TAKE_PTR(result), NULL);
}

void slot_settle(Slot *slot) {
        PtestPage page = slot_read_page(slot);
        InFlight in_flight = slot->in_flight;

        slot->in_flight.n_tasks = 0;
        for (size_t i = 0; i < in_flight.n_tasks; i++)
                slot_settle_task(
                                slot,
                                &in_flight.tasks[i],
                                in_flight_settle(&in_flight, i, &page),
                                &page);
}
