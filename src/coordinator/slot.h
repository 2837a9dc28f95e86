/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/resource.h>

#include "backend/backend.h"
#include "coordinator/inflight.h"
#include "model/result.h"
#include "model/suite.h"
#include "record/event.h"
#include "wire/channel.h"
#include "wire/message.h"

/*
 * A slot: a place for one worker at a time. It outlives its workers; its generation counts them.
 *
 *      EMPTY ──start──▶ HELD ──in its scope──▶ STARTING ──hello──▶ IDLE ⇄ BUSY
 *        ▲               │                        │                 │       │
 *        │               └────────────────────────┴───────┬─────────┴───────┘
 *        │                                                ▼   deadline, broken message, died, asked to stop
 *        └──────────── gone, and all it said was read ── STOPPING ── not gone in time ─▶ LOST
 *
 *      state     worker process      may get tasks   deadline
 *      EMPTY     none                no              none
 *      HELD      waits at its gate   no              the backend's
 *      STARTING  runs                no              SLOT_HELLO_TIMEOUT
 *      IDLE      waits for tasks     yes             none
 *      BUSY      holds tasks         yes             of the test that runs, with grace and margin
 *      STOPPING  ends                no              to leave by itself; then the backend's; then to be read
 *      LOST      could not be ended  never again     none
 *
 * Only slot.c changes the state. A replacement is started from EMPTY only, so never beside its predecessor.
 */

typedef enum SlotState {
        SLOT_EMPTY,
        SLOT_HELD,
        SLOT_STARTING,
        SLOT_IDLE,
        SLOT_BUSY,
        SLOT_STOPPING,
        SLOT_LOST,
        SLOT_STATE_MAX,
        SLOT_STATE_INVALID = -22, /* -EINVAL */
} SlotState;

/* Why a slot's worker ends; decides what becomes of the test that it was at. */
typedef enum SlotCause {
        SLOT_CAUSE_NONE,
        SLOT_CAUSE_DIED,        /* by itself, or killed from outside */
        SLOT_CAUSE_OVER,        /* asked to, with nothing left to do */
        SLOT_CAUSE_INTERRUPTED, /* asked to, whatever it was doing */
        SLOT_CAUSE_STUCK,       /* did not report in time, or could not end its test */
        SLOT_CAUSE_BROKEN,      /* sent what is not a message, or not one that it may send */
} SlotCause;

typedef struct Slot Slot;

/* What a worker is running. */
typedef struct SlotRunning {
        uint64_t id; /* of its task */
        const char *address;
        uint64_t timeout_usec;
        uint64_t grace_usec;
        uint64_t leak_grace_usec;
        StuckPolicy stuck;
        uint64_t started_usec; /* on our clock */
        pid_t leader_pid;      /* as its worker says; 0: none */
} SlotRunning;

/* Called by a slot; none of them may free it. */
typedef struct SlotHandlers {
        /* The worker said hello. */
        void (*on_ready)(Slot *slot, void *userdata);
        /* A test's result; it now belongs to the callee. */
        void (*on_result)(Slot *slot, uint32_t test, Result *result, void *userdata);
        /* A test that runs has brought forth others: words of each. */
        void (*on_found)(
                        Slot *slot,
                        uint32_t test,
                        char **const *items,
                        size_t n_items,
                        void *userdata);
        /* It starts nothing any more: it is to tear down what it has set up, and then to be stopped. */
        void (*on_spent)(Slot *slot, void *userdata);
        /* A test that was sent and not started comes back. */
        void (*on_returned)(Slot *slot, uint32_t test, void *userdata);
        /* The same of a fixture; the exports are the callee's too. */
        void (*on_fixture)(
                        Slot *slot,
                        uint32_t instance,
                        PtestRole role,
                        Result *result,
                        char **exports,
                        void *userdata);
        void (*on_fixture_returned)(Slot *slot, uint32_t instance, void *userdata);
        /* All that it runs stands still: see slot_pause(). */
        void (*on_stands)(Slot *slot, void *userdata);
        /* The answer to slot_peek(); borrowed */
        void (*on_peeked)(Slot *slot, const Message *message, void *userdata);
        /* EVENT_WORKER_*, for the records. test: the address it was at, or NULL */
        void (*on_event)(
                        Slot *slot,
                        EventKind kind,
                        const char *why,
                        const char *test,
                        void *userdata);
        /* The worker is gone. started: it had said hello. why: NULL if it had nothing more to do */
        void (*on_empty)(Slot *slot, bool started, const char *why, void *userdata);
        void (*on_lost)(Slot *slot, const char *why, void *userdata);
} SlotHandlers;

/* What all slots of a run share; borrowed. */
typedef struct SlotContext {
        sd_event *event;
        Backend *backend;
        ChannelHub *hub;
        const Suite *suite;
        const char *worker_path;
        const char *directory; /* of the sockets */
        const char *places;    /* for private places of tests; NULL: no test has any */
        const char *user;      /* who workers become; NULL: as we are */
        uid_t uid;             /* of the workers */
        uint64_t stop_usec;
        bool hands_back;      /* workers: what waits behind a bad outcome */
        struct rlimit nofile; /* of the workers; ours is raised */
        uint64_t *last_id;    /* of tasks in this run */
        const SlotHandlers *handlers;
        void *userdata;
} SlotContext;

/* A worker that was released and says nothing is stuck. Starting takes milliseconds; a loaded VM needs seconds. */
#define SLOT_HELLO_TIMEOUT     (30 * USEC_PER_SEC)
/* The same where its connection may never be heard. */
#define SLOT_UNHEARD_TIMEOUT   (3 * USEC_PER_SEC)
/* On top of a test's timeout, stuck report, grace and leak grace: the worker's own ways to end it (2 s), and load */
#define SLOT_MARGIN            (4 * USEC_PER_SEC)
/* A worker that has tasks and starts none. */
#define SLOT_IDLE_TIMEOUT      (20 * USEC_PER_SEC)
/* How often a busy worker is looked at: it goes from test to test without a word. */
#define SLOT_RECHECK_INTERVAL  (500 * USEC_PER_MSEC)
/* From a worker's end to the end of its connection; both are local, so this is for a stalled machine. */
#define SLOT_DRAIN_TIMEOUT     (5 * USEC_PER_SEC)
/* From "stop now" to StopUnit, so that systemctl stop is over within ten seconds. */
#define SLOT_INTERRUPT_TIMEOUT (3 * USEC_PER_SEC)

int slot_new(const SlotContext *context, unsigned number, Slot **ret);
Slot *slot_free(Slot *slot);
DEFINE_CLEANUP(Slot, slot_free);

SlotState slot_get_state(const Slot *slot);
unsigned slot_get_number(const Slot *slot);
/* What it was doing when it was found to be stuck; NULL: nothing is known */
char *const *slot_get_stuck(const Slot *slot);
unsigned slot_get_generation(const Slot *slot);
pid_t slot_get_pid(const Slot *slot);
const char *slot_get_unit(const Slot *slot);
size_t slot_get_in_flight(const Slot *slot);
bool slot_takes_tasks(const Slot *slot);
/* Of those, tear-downs only. */
bool slot_is_spent(const Slot *slot);

/* The test or fixture that its worker is running, false if none. */
bool slot_get_running(const Slot *slot, SlotRunning *ret);

/* From EMPTY. Negative: the worker could not even be forked; the slot stays EMPTY. */
int slot_start(Slot *slot);

/* As many as fit into one message, in order, are sent: *ret_sent. -EMSGSIZE: the first alone is too large. */
int slot_send(Slot *slot,
              const uint32_t *tests,
              const unsigned *attempts,
              char *const *exports,
              size_t n,
              size_t *ret_sent);
/* The fixture of an instance; -EMSGSIZE */
int slot_send_fixture(
                Slot *slot,
                uint32_t instance,
                PtestRole role,
                const Test *what,
                char *const *exports);

/* Asks for the return of the tasks that have not been started. */
void slot_recall(Slot *slot);
/* What it says may not be heard: it has less time to say that it is there, and is replaced. */
void slot_doubt_hello(Slot *slot);

/* Ends the worker: it may finish what runs (OVER), or not (INTERRUPTED). Without a worker: no effect. */
void slot_begin_stop(Slot *slot, SlotCause cause);

/* Ends it with the backend's means, whatever it is doing. */
void slot_abort(Slot *slot, const char *why);

/*
 * The worker is to let all that it runs stand still, or go on. One that has not said hello yet, or is being ended by the
 * backend, is not told.
 */
void slot_pause(Slot *slot, bool on);
/* Nothing of it runs: there is no worker, or all that it has stands still. */
bool slot_stands(const Slot *slot);
/* After our clock stood. */
void slot_follow_clock(Slot *slot);

/* What has the task of that id printed after so many bytes? on_peeked has the answer. -ENOTCONN: there is nobody to ask */
int slot_peek(Slot *slot, uint64_t id, uint64_t out_from, uint64_t err_from);

/* What came from the slot's worker: the pool found it by the peer's pid. */
void slot_on_packet(Slot *slot, const ChannelPacket *packet);
/* Its connection has ended, and everything on it was passed to slot_on_packet(). */
void slot_on_closed(Slot *slot, uint32_t pipe);

const char *slot_state_to_string(SlotState state);
