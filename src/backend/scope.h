/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/child.h"
#include "backend/systemd.h"

/*
 * The life of one scope
 *
 *                  turn at the manager      job done, membership verified
 *      QUEUED ──────────────▶ CREATING ──────────────▶ RUNNING
 *        │                       │                        │ begin_stop
 *        │ died, asked to end    │ any failure            ▼
 *        │                       │                     STOPPING ── worker's process ended,
 *        ▼                       ▼                        │        deadline, kill
 *        └──────────────────▶ KILLING ◀───────────────────┘
 *                                │  process reaped, cgroup empty, unit down (also from STOPPING)
 *                                ├────────▶ ENDING ──how it ended was read──▶ GONE
 *                                └────────▶ LOST (deadline)
 *
 * QUEUED    the process is held at its gate; the manager knows nothing of it
 * CREATING  StartTransientUnit was sent, or is to be sent again once the bus is back
 * RUNNING   on_ready was called; cgroup is known
 * STOPPING  StopUnit was sent, or waits for its turn or for the bus; SIGTERM
 * KILLING   SIGKILL was sent to all that is known; StopUnit as before
 * ENDING    nothing lives any more; Result and MemoryPeak are being read
 * GONE, LOST  reported; the scope does not know its manager any more
 */

typedef enum ScopeState {
        SCOPE_QUEUED,
        SCOPE_CREATING,
        SCOPE_RUNNING,
        SCOPE_STOPPING,
        SCOPE_KILLING,
        SCOPE_ENDING,
        SCOPE_GONE,
        SCOPE_LOST,
        SCOPE_STATE_MAX,
} ScopeState;

/* The guard is no worker; its generation tells it from the one before it. */
#define SCOPE_GUARD_SLOT 0U

struct Scope {
        BackendWorker worker;
        Systemd *systemd; /* weak: outlives all that are not GONE or LOST; NULL for these */
        ScopeState state;
        char *unit;
        char *unit_path; /* on the bus */
        Child child;
        Cgroup cgroup; /* empty until membership is verified */

        char *job;       /* the job that is waited for; NULL: none, or not known */
        bool created;    /* the manager may know the unit */
        bool unit_down;  /* the manager said that it is not active */
        bool kill_asked; /* a death by signal is nobody's fault */
        bool has_turn;
        bool waits_for_turn;
        bool ref_lost; /* references end with a connection */
        bool thawed;
        bool resent;            /* StartTransientUnit may have been carried out before */
        uint64_t empty_since;   /* nothing lives in it any more; 0: something does */
        uint64_t suspect_since; /* the manager said down while the worker lived; 0: it did not */
        bool to_visit;          /* for systemd.c, when all are visited */

        sd_bus_slot *call_slot;  /* StartTransientUnit, StopUnit */
        sd_bus_slot *query_slot; /* reading properties */
        sd_event_source *deadline;
        sd_event_source *
                        poll_timer; /* looks whether the cgroup is empty where no signal will tell */
        sd_event_source *memory_source;
        int memory_fd; /* memory.events */
        int leaf_fd; /* memory.events of the worker's own cgroup in the scope; -1: not looked for, or there is none */
        uint64_t oom_kills; /* that it told so far */

        Scope *prev, *next;                 /* Systemd.scopes */
        Scope *waiting_prev, *waiting_next; /* Systemd.waiting */
};

int scope_start(Systemd *systemd,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret);
void scope_begin_stop(BackendWorker *worker);
void scope_kill(BackendWorker *worker);
void scope_free(BackendWorker *worker);

bool scope_is_guard(const Scope *scope);
/* Whether the guard must be in place before the scope gets its turn at the manager */
bool scope_awaits_guard(const Scope *scope);

const char *scope_state_to_string(ScopeState state);

/* ---- Called by systemd.c ---- */

void scope_on_turn(Scope *scope);
/* The manager finished a job of this unit. */
void scope_on_job_removed(Scope *scope, const char *job, const char *result);
/* The manager says that the unit is not active, or forgot it. */
void scope_on_unit_down(Scope *scope);
/* The state was read; NULL: not loaded */
void scope_on_sync(Scope *scope, const char *active_state);
void scope_on_bus_lost(Scope *scope);

/* ---- Among scope.c and scope-*.c ---- */

/* In usec from now; takes the place of what the source was armed for. USEC_INFINITY: not at all */
int scope_arm(Scope *scope,
              sd_event_source **source,
              uint64_t usec,
              sd_event_time_handler_t handler);
/* The only one that changes the state; arms the state's deadline. */
void scope_set_state(Scope *scope, ScopeState state);

/* Why it could not be started; then it is killed. */
void scope_fail(Scope *scope, const char *format, ...) _printf_(2, 3);
void scope_send_create(Scope *scope);
/* The manager says that the unit is active; on_ready may be called. */
void scope_on_active(Scope *scope);

/* SIGKILL to all that is known, and StopUnit if it was not asked for yet. */
void scope_enter_killing(Scope *scope);
/* The manager is to end the unit; nothing is known of an earlier job any more. */
void scope_ask_stop(Scope *scope);
void scope_send_stop(Scope *scope);
/* What the manager would do, for when it cannot be reached */
void scope_signal_stop(Scope *scope);
/* Goes on if nothing lives any more and the manager says so too; calls handlers. */
void scope_check_end(Scope *scope);

void scope_watch_memory(Scope *scope);
void scope_read_memory(Scope *scope);
/* Killed, and not by us */
bool scope_died_unasked(const Scope *scope);
/* For a death by SIGKILL that is not explained: was it for lack of memory? */
void scope_infer_oom(Scope *scope);
/* Asks how the unit ended and reports then. */
void scope_query_end(Scope *scope);
void scope_report_gone(Scope *scope);
