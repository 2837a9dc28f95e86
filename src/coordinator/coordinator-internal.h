/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "coordinator/carry.h"
#include "coordinator/coordinator.h"
#include "coordinator/directory.h"
#include "coordinator/dispatch.h"
#include "coordinator/event-log.h"
#include "coordinator/fixture.h"
#include "coordinator/growth.h"
#include "coordinator/places.h"
#include "coordinator/retry.h"
#include "coordinator/status-server.h"
#include "coordinator/timer.h"

/*
 * What the files of the coordinator share: coordinator.c (its life, signals, display), coordinator-outcome.c (who gets
 * which outcome, and the verdict), coordinator-work.c (phases, and what is to be done next) and coordinator-slot.c
 * (what slots tell)
 *
 *      GOING ──▶ WINDING_DOWN ──▶ STOPPING ──▶ ENDING ──▶ OVER
 *        └───────────┴─────────────────────────▲
 *
 * GOING starts tests. WINDING_DOWN starts none: what runs may finish (fail-fast, first interrupt). STOPPING
 * ends what runs too (second interrupt, SIGTERM, limit of the run), and leaves tear-downs a few seconds. ENDING: every
 * test has its outcome, the workers are leaving. Whatever was not started gets the outcome not-run with the reason.
 */

typedef enum RunPhase {
        RUN_GOING,
        RUN_WINDING_DOWN,
        RUN_STOPPING,
        RUN_ENDING,
        RUN_OVER,
} RunPhase;

/* A slot whose workers end so often in a row without a result is given up. */
#define COORDINATOR_FAILURES_MAX   3U
/*
 * What the tear-downs of a run that is stopped have in all, so that "systemctl stop" is over in ten seconds: a
 * worker that does not go by itself takes the rest.
 */
#define COORDINATOR_TEAR_DOWN_TIME (5 * USEC_PER_SEC)

typedef struct SlotHealth {
        unsigned failures; /* workers in a row under which no test got an outcome */
        bool closed;       /* given up or lost */
} SlotHealth;

struct Coordinator {
        CoordinatorConfig config;
        Suite *suite;
        EventLog log;
        sd_event *event;
        Backend *backend;
        RunDirectory *directory;
        Places *places; /* NULL: no test has private ones */
        Plan *plan;
        Pool *pool;
        SlotContext context;
        SlotHealth *health;
        Fixtures fixtures;
        Dispatch dispatch;
        Growth growth;
        Retry retry;
        Carry carry;
        uint64_t last_id;
        size_t n_flaky_failures; /* tests that are flaky and must not be */

        RunPhase phase;
        char *not_run_reason;
        char *verdict_reason;
        bool out_of_time; /* no tear-down is begun any more */
        bool incomplete;  /* interrupted, run limit, no worker left */
        bool machinery;   /* a slot or a record was lost */
        uint64_t started_usec;
        uint64_t notified_usec;

        sd_event_source *signals[3];
        sd_event_source *asked;
        sd_event_source *work;
        sd_event_source *tick;
        Timer limit;
        Timer patience; /* until out_of_time */

        StatusServer *status_server; /* NULL: nobody can ask */

        /* coordinator-pause.c */
        sd_event_source *stops[2];
        sd_event_source *pause_limit; /* of its patience with workers */
        bool pausing;
        bool paused_enough; /* the patience is over */
};

/* ---- Outcomes ---- */

/* The first trouble is the cause of the others, and stays the reason. */
void coordinator_set_verdict_reason(Coordinator *coordinator, const char *reason);
Verdict coordinator_get_verdict(const Coordinator *coordinator);
/* A test has its outcome: counts it if it is flaky and must not be. */
void coordinator_note_flaky(Coordinator *coordinator, uint32_t test, const Result *result);
/* If nothing but flaky tests makes the run a failed one, that is its reason. */
void coordinator_tell_flaky(Coordinator *coordinator);

/* Begins to end where so many tests and fixtures failed that nothing further is to be started. */
void coordinator_look_at_failures(Coordinator *coordinator);
/* Takes the result. The one place where a test gets its outcome. */
void coordinator_complete(Coordinator *coordinator, uint32_t test, Result *result);
void coordinator_complete_with(
                Coordinator *coordinator, uint32_t test, Outcome outcome, const char *reason);
/* All that waits in a context and what is nested in it; in CONTEXT_NONE: all that waits. */
void coordinator_complete_waiting(
                Coordinator *coordinator, uint32_t context, Outcome outcome, const char *reason);
/* Should the loop have failed, tests may be without an outcome: they get one here, and the run is incomplete. */
void coordinator_complete_rest(Coordinator *coordinator);

/* Handlers of retry, dispatch and fixtures. */
void coordinator_on_attempt(Result *result, void *userdata);
void coordinator_on_reject(uint32_t test, const char *reason, void *userdata);
void coordinator_on_reject_fixture(
                uint32_t instance, PtestRole role, const char *reason, void *userdata);
void coordinator_on_context_failed(
                uint32_t context, Outcome outcome, const char *reason, void *userdata);

/* ---- Work ---- */

/* Has the loop call coordinator_on_work() when all that has happened was noted. */
void coordinator_wake(Coordinator *coordinator);
int coordinator_on_work(sd_event_source *source, void *userdata);

/* The time of tear-downs is over. */
int coordinator_on_patience(sd_event_source *source, uint64_t usec, void *userdata);

/* Only forwards. */
void coordinator_begin_phase(Coordinator *coordinator, RunPhase phase, const char *reason);
/* The same, and the run is incomplete. */
void coordinator_interrupt(Coordinator *coordinator, RunPhase phase, const char *reason);
/* No worker is started in it any more. */
void coordinator_close_slot(Coordinator *coordinator, unsigned i, const char *reason);

/* ---- Pausing ---- */

/* Before there is a thread: nng's would let themselves be stopped, and us with them. */
int coordinator_block_stops(void);
int coordinator_watch_stops(Coordinator *coordinator);
/* As sd_event_loop(), which does not notice when it was stopped. */
int coordinator_loop(Coordinator *coordinator);
/* While it is pausing: stops, if all that runs stands still. */
void coordinator_try_pause(Coordinator *coordinator);
/* It is not to be stopped any more. */
void coordinator_cancel_pause(Coordinator *coordinator);
void coordinator_on_slot_stands(Slot *slot, void *userdata);

void coordinator_get_progress(const Coordinator *coordinator, CoordinatorProgress *ret);
/* Tests and fixtures */
size_t coordinator_count_running(const Coordinator *coordinator);

/* ---- Slots ---- */

extern const SlotHandlers coordinator_slot_handlers;
