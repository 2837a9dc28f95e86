/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is to be done next, looked at after everything that has happened was noted
 */

#include "coordinator/coordinator-internal.h"

#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/text.h"

void coordinator_wake(Coordinator *coordinator) {
        (void)sd_event_source_set_enabled(coordinator->work, SD_EVENT_ONESHOT);
}

/* ---- Phases ---- */

/* What holds fixtures is needed for their tear-down, unless it is at something that is to end now. */
static bool coordinator_keeps_slot(const Coordinator *coordinator, unsigned i) {
        const Schedule *schedule = coordinator->dispatch.schedule;

        return schedule_holds_instances(schedule, i) &&
                        (slot_get_in_flight(pool_get_slot(coordinator->pool, i)) == 0 ||
                         schedule_is_tearing_down(schedule, i));
}

/* Whatever holds up the end now is ended, and what is still to be torn down stays so. */
int coordinator_on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *coordinator = userdata;

        if (!timer_is_due(&coordinator->patience))
                return 0;
        coordinator_cancel_pause(coordinator);
        coordinator->out_of_time = true;
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++)
                slot_abort(pool_get_slot(coordinator->pool, i), "the run was stopped");
        coordinator_wake(coordinator);
        return 0;
}

void coordinator_begin_phase(Coordinator *coordinator, RunPhase phase, const char *reason) {
        if (phase <= coordinator->phase)
                return;
        coordinator->phase = phase;
        if (phase == RUN_STOPPING)
                timer_arm(&coordinator->patience, clock_monotonic() + COORDINATOR_TEAR_DOWN_TIME);
        if (reason && !coordinator->not_run_reason)
                coordinator->not_run_reason = strdup(reason);
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);

                if (phase == RUN_WINDING_DOWN)
                        slot_recall(slot);
                else if (phase == RUN_STOPPING && !coordinator_keeps_slot(coordinator, i))
                        slot_begin_stop(slot, SLOT_CAUSE_INTERRUPTED);
                else if (phase == RUN_ENDING)
                        slot_begin_stop(slot, SLOT_CAUSE_OVER);
        }
        coordinator_wake(coordinator);
}

void coordinator_interrupt(Coordinator *coordinator, RunPhase phase, const char *reason) {
        if (coordinator->phase >= RUN_ENDING)
                return;
        coordinator->incomplete = true;
        coordinator_set_verdict_reason(coordinator, reason);
        coordinator_begin_phase(coordinator, phase, reason);
}

/* ---- Work ---- */

void coordinator_close_slot(Coordinator *coordinator, unsigned i, const char *reason) {
        coordinator->health[i].closed = true;
        coordinator->machinery = true;
        coordinator_set_verdict_reason(coordinator, reason);
}

static void coordinator_start_worker(Coordinator *coordinator, unsigned i) {
        Slot *slot = pool_get_slot(coordinator->pool, i);
        SlotHealth *health = &coordinator->health[i];

        while (!health->closed) {
                _cleanup_free_ char *reason = NULL;
                int r = slot_start(slot);

                if (r >= 0)
                        return;
                if (++health->failures < COORDINATOR_FAILURES_MAX)
                        continue;
                (void)text_setf(&reason,
                                "worker %u could not be started: %s",
                                slot_get_number(slot),
                                strerror(-r));
                log_error("%s", reason ?: "a worker could not be started");
                coordinator_close_slot(coordinator, i, reason ?: "a worker could not be started");
        }
}

/* Workers for what waits, no more than there are tests. */
static void coordinator_start_workers(Coordinator *coordinator) {
        unsigned n = coordinator->config.workers;
        size_t waiting = schedule_count_startable(coordinator->dispatch.schedule, n), coming = 0;

        for (unsigned i = 0; i < n; i++) {
                const Slot *slot = pool_get_slot(coordinator->pool, i);
                SlotState state = slot_get_state(slot);

                coming += state == SLOT_HELD || state == SLOT_STARTING ||
                                (state == SLOT_IDLE && !slot_is_spent(slot));
        }
        for (unsigned i = 0; i < n && coming < waiting; i++) {
                const Slot *slot = pool_get_slot(coordinator->pool, i);

                if (slot_get_state(slot) != SLOT_EMPTY)
                        continue;
                /* One that is given up does not start, and the next one is to. */
                coordinator_start_worker(coordinator, i);
                coming += slot_get_state(slot) != SLOT_EMPTY;
        }
}

/* The places of shared contexts: there while there is something to set up or to tear down. */
static void coordinator_start_shared(Coordinator *coordinator) {
        for (unsigned i = coordinator->config.workers; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);
                bool wanted = schedule_wants_place(coordinator->dispatch.schedule, i);

                if (wanted && coordinator->health[i].closed) {
                        fixtures_fail_context(
                                        &coordinator->fixtures,
                                        schedule_get_shared(coordinator->dispatch.schedule, i),
                                        "no process could be started for it");
                        schedule_on_gone(coordinator->dispatch.schedule, i);
                } else if (wanted && slot_get_state(slot) == SLOT_EMPTY)
                        coordinator_start_worker(coordinator, i);
                else if (!wanted && slot_get_state(slot) == SLOT_IDLE)
                        slot_begin_stop(slot, SLOT_CAUSE_OVER);
        }
}

/* A worker that is spent leaves as soon as nothing is set up in it any more. */
static void coordinator_stop_spent(Coordinator *coordinator) {
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);

                if (slot_is_spent(slot) && slot_get_state(slot) == SLOT_IDLE &&
                    !schedule_holds_instances(coordinator->dispatch.schedule, i))
                        slot_begin_stop(slot, SLOT_CAUSE_OVER);
        }
}

static bool coordinator_has_worker(const Coordinator *coordinator) {
        for (unsigned i = 0; i < coordinator->config.workers; i++)
                if (!coordinator->health[i].closed ||
                    (slot_get_state(pool_get_slot(coordinator->pool, i)) != SLOT_EMPTY &&
                     slot_get_state(pool_get_slot(coordinator->pool, i)) != SLOT_LOST))
                        return true;
        return false;
}

static bool coordinator_is_quiet(const Coordinator *coordinator) {
        return pool_count(coordinator->pool, SLOT_EMPTY) +
                        pool_count(coordinator->pool, SLOT_LOST) ==
                        pool_get_size(coordinator->pool);
}

/* Tests, and in the later phases the tear-downs that are still to be done. */
static void coordinator_give_work(Coordinator *coordinator) {
        size_t waiting;

        if (coordinator->phase != RUN_GOING)
                coordinator_complete_waiting(
                                coordinator,
                                CONTEXT_NONE,
                                PTEST_OUTCOME_NOT_RUN,
                                coordinator->not_run_reason ?: "interrupted");
        if (coordinator->out_of_time) {
                if (coordinator_is_quiet(coordinator))
                        fixtures_give_up(
                                        &coordinator->fixtures,
                                        "the run was stopped, and there was no time left for it");
                return;
        }
        coordinator_stop_spent(coordinator);
        coordinator_start_workers(coordinator);
        coordinator_start_shared(coordinator);
        waiting = schedule_count_waiting(coordinator->dispatch.schedule);
        dispatch_fill(&coordinator->dispatch);
        /* Without what was given away, it may be a shared context that is next, if there is one. */
        if (pool_get_size(coordinator->pool) > coordinator->config.workers &&
            schedule_count_waiting(coordinator->dispatch.schedule) < waiting)
                coordinator_wake(coordinator);
        /* What needs no command is torn down without one as it is looked at. */
        coordinator_stop_spent(coordinator);
        if (coordinator_has_worker(coordinator))
                return;
        /* That is a failure of the machinery, which closing their slots has noted, and no interrupt. */
        if (!plan_is_complete(coordinator->plan))
                coordinator_begin_phase(
                                coordinator, RUN_WINDING_DOWN, "no worker was left to run it");
        else if (coordinator_is_quiet(coordinator))
                fixtures_give_up(&coordinator->fixtures, "no worker was left to run it");
}

int coordinator_on_work(sd_event_source *source, void *userdata) {
        Coordinator *coordinator = userdata;
        /* What a phase that begins below leaves not run is told the next time. */
        const bool ends = coordinator->phase >= RUN_WINDING_DOWN;
        bool clean;

        if (coordinator->pausing) {
                coordinator_try_pause(coordinator);
                return 0;
        }
        growth_tell(&coordinator->growth);
        /* Those of fixtures: what ends with a test was looked at then. */
        coordinator_look_at_failures(coordinator);
        if (coordinator->phase < RUN_ENDING)
                coordinator_give_work(coordinator);
        if (schedule_take_changed(coordinator->dispatch.schedule))
                coordinator_wake(coordinator);
        clean = schedule_is_clean(coordinator->dispatch.schedule);
        if (clean && plan_is_complete(coordinator->plan))
                coordinator_begin_phase(coordinator, RUN_ENDING, NULL);
        if (clean && ends && coordinator_is_quiet(coordinator)) {
                coordinator->phase = RUN_OVER;
                return sd_event_exit(coordinator->event, 0);
        }
        return 0;
}
