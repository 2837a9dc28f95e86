/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What slots tell. Handlers only note what happened; coordinator_on_work(), which the loop calls after them, acts.
 */

#include "coordinator/coordinator-internal.h"

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "coordinator/status.h"

static void coordinator_on_slot_ready(Slot *slot, void *userdata) {
        const Coordinator *coordinator = userdata;

        coordinator_wake(userdata);
        if (coordinator->pausing)
                slot_pause(slot, true);
}

/* Nothing is run again in a run that comes to its end, nor in a context of which nothing is run any more. */
static bool coordinator_try_again(Coordinator *coordinator, uint32_t test, Result *result) {
        const char *reason;
        Outcome outcome;

        return coordinator->phase == RUN_GOING &&
                        !fixtures_find_failure(&coordinator->fixtures, test, &outcome, &reason) &&
                        retry_begin(&coordinator->retry, test, result);
}

static void coordinator_on_slot_result(Slot *slot, uint32_t test, Result *result, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->health[slot_get_number(slot) - 1].failures = 0;
        dispatch_on_result(&coordinator->dispatch, test, result);
        growth_judge(&coordinator->growth, test, result);
        if (coordinator_try_again(coordinator, test, result)) {
                coordinator_wake(coordinator);
                return;
        }
        coordinator_complete(coordinator, test, result);
}

/* Tests of a context of which nothing is run any more are not run either. */
static void coordinator_on_slot_found(
                Slot *slot, uint32_t test, char **const *items, size_t n_items, void *userdata) {
        Coordinator *coordinator = userdata;
        size_t before = coordinator->suite->n_tests;

        coordinator_wake(coordinator);
        growth_add(&coordinator->growth, test, items, n_items);
        for (size_t i = before; i < coordinator->suite->n_tests; i++) {
                const char *reason;
                Outcome outcome;

                fixtures_admit(&coordinator->fixtures, (uint32_t)i);
                if (carry_complete_found(&coordinator->carry, coordinator, (uint32_t)i))
                        continue;
                if (plan_get_state(coordinator->plan, (uint32_t)i) != PLAN_DONE &&
                    fixtures_find_failure(&coordinator->fixtures, (uint32_t)i, &outcome, &reason))
                        coordinator_complete_with(coordinator, (uint32_t)i, outcome, reason);
        }
}

/* The places of shared contexts are not closed: nothing but their fixture is run there, once. */
static void coordinator_on_slot_spent(Slot *slot, void *userdata) {
        Coordinator *coordinator = userdata;
        unsigned i = slot_get_number(slot) - 1;

        if (i < coordinator->config.workers)
                schedule_close(coordinator->dispatch.schedule, i);
        coordinator_wake(coordinator);
}

static void coordinator_on_slot_returned(Slot *slot, uint32_t test, void *userdata) {
        Coordinator *coordinator = userdata;

        const char *reason;
        Outcome outcome;

        coordinator_wake(coordinator);
        if (plan_get_state(coordinator->plan, test) != PLAN_SENT)
                return;
        dispatch_on_returned(&coordinator->dispatch, test);
        if (fixtures_find_failure(&coordinator->fixtures, test, &outcome, &reason))
                coordinator_complete_with(coordinator, test, outcome, reason);
}

static void coordinator_on_slot_fixture(
                Slot *slot,
                uint32_t instance,
                PtestRole role,
                Result *result,
                char **exports,
                void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->health[slot_get_number(slot) - 1].failures = 0;
        coordinator_wake(coordinator);
        fixtures_on_result(&coordinator->fixtures, instance, role, result, exports);
}

static void coordinator_on_slot_fixture_returned(Slot *slot, uint32_t instance, void *userdata) {
        Coordinator *coordinator = userdata;

        schedule_on_fixture_returned(coordinator->dispatch.schedule, instance);
        coordinator_wake(coordinator);
}

static void coordinator_on_slot_event(
                Slot *slot, EventKind kind, const char *why, const char *test, void *userdata) {
        Coordinator *coordinator = userdata;

        event_log_worker(&coordinator->log, kind, slot, why, test);
}

/* A worker itself has some hundred KiB: of less even its cgroup cannot be made, and the manager does not say why. */
#define WORKER_MEMORY_SMALL MIB

/* "a worker could not be started: …": the last of those that were tried. NULL on ENOMEM */
static char *coordinator_describe_failures(
                const Coordinator *coordinator, bool started, const char *why) {
        const SuiteSettings *settings = &coordinator->suite->settings;
        _cleanup_free_ char *limit = NULL;
        char size[FORMAT_MAX], *text = NULL;
        int r = 0;

        if (!started && settings->worker_memory_max < WORKER_MEMORY_SMALL)
                r = text_setf(&limit,
                              "; its MemoryMax= of %s may be too small",
                              format_size(size, settings->worker_memory_max));
        else if (!started && settings->slice_memory_max < WORKER_MEMORY_SMALL)
                r = text_setf(&limit,
                              "; SliceMemoryMax= of %s may be too small",
                              format_size(size, settings->slice_memory_max));
        if (r >= 0)
                (void)text_setf(&text,
                                "%s%s%s%s",
                                started ? "workers ended without a result" :
                                          "a worker could not be started",
                                why ? ": " : "",
                                why ?: "",
                                limit ?: "");
        return text;
}

static void coordinator_on_slot_empty(Slot *slot, bool started, const char *why, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;
        unsigned i = slot_get_number(slot) - 1;
        SlotHealth *health = &coordinator->health[i];

        coordinator_wake(coordinator);
        fixtures_on_gone(&coordinator->fixtures, i);
        if (coordinator->phase >= RUN_ENDING || ++health->failures < COORDINATOR_FAILURES_MAX)
                return;
        log_error("Worker %u ended %u times in a row without a result: given up",
                  i + 1,
                  health->failures);
        coordinator_on_slot_event(
                        slot,
                        EVENT_WORKER_LOST,
                        "ended again and again without a result",
                        NULL,
                        userdata);
        reason = coordinator_describe_failures(coordinator, started, why);
        coordinator_close_slot(coordinator, i, reason ?: "workers ended again and again");
}

static void coordinator_on_slot_lost(Slot *slot, const char *why, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;

        (void)text_setf(&reason, "worker %u could not be ended: %s", slot_get_number(slot), why);
        log_error("%s", reason ?: why);
        coordinator_close_slot(coordinator, slot_get_number(slot) - 1, reason ?: why);
        fixtures_on_gone(&coordinator->fixtures, slot_get_number(slot) - 1);
        coordinator_wake(coordinator);
}

const SlotHandlers coordinator_slot_handlers = {
        .on_ready = coordinator_on_slot_ready,
        .on_result = coordinator_on_slot_result,
        .on_found = coordinator_on_slot_found,
        .on_spent = coordinator_on_slot_spent,
        .on_returned = coordinator_on_slot_returned,
        .on_fixture = coordinator_on_slot_fixture,
        .on_fixture_returned = coordinator_on_slot_fixture_returned,
        .on_stands = coordinator_on_slot_stands,
        .on_peeked = coordinator_on_slot_peeked,
        .on_event = coordinator_on_slot_event,
        .on_empty = coordinator_on_slot_empty,
        .on_lost = coordinator_on_slot_lost,
};
