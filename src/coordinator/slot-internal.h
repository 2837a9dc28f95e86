/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/helper.h"
#include "coordinator/outbox.h"
#include "coordinator/slot.h"
#include "coordinator/timer.h"

/*
 * What the files of a slot share: slot.c (states and the end), slot-start.c, slot-message.c, slot-task.c
 */

/* See slot-look.h. */
typedef struct SlotLook {
        Helper *helper; /* NULL: none */
        sd_event_source *ended;
        sd_event_source *timer;
        char *why;
        char *at;
        char **lines; /* what was found */
} SlotLook;

struct Slot {
        const SlotContext *context; /* weak: owned by the pool */
        unsigned number;
        unsigned generation;
        SlotState state;
        SlotCause cause;
        char *why; /* of the cause, one line */

        BackendWorker *worker;
        Outbox *outbox;
        int gate_fd;
        int page_fd;
        int spill_fd;
        PtestPage *page;
        pid_t pid;

        bool said_hello;
        uint32_t pipe; /* valid after hello */
        bool closed;   /* the connection has ended and was read to its end */
        bool gone;     /* the backend says so */
        BackendWorkerEnd end;

        unsigned n_peeks; /* without an answer */
        bool stands;      /* what it runs stands still, as it says */
        bool spent;       /* it starts nothing any more, but tears down */
        char *spent_why;  /* one line */
        unsigned n_tests; /* that it has reported */

        InFlight in_flight;
        uint64_t active_usec; /* when it last said something or was given something */
        SlotLook look;
        Timer deadline;
        sd_event_source *finish; /* settles outside of the backend's callback */
};

/* The one setter: checks the transition, logs it and arms the deadline of the new state. */
void slot_set_state(Slot *slot, SlotState state);
/* At this time instead; USEC_INFINITY: never */
void slot_arm(Slot *slot, uint64_t at_usec);
/* From now, by what the slot is doing now. */
uint64_t slot_get_deadline(const Slot *slot);

/* Ends the worker with the backend's means. The record comes first, so that it stands before the stop. */
void slot_fail(Slot *slot, SlotCause cause, const char *why);
/* The same at a test or fixture that has ended; NULL: at what is running, if anything is */
void slot_fail_at(Slot *slot, SlotCause cause, const char *why, const char *at);
void slot_send_stop(Slot *slot, bool now);
void slot_emit(Slot *slot, EventKind kind, const char *why, const char *test);

const char *slot_get_address(const Slot *slot, const InFlightTask *task);

/* A task's end: it goes back, or its result is handed over. */
void slot_return(Slot *slot, const InFlightTask *task);
void slot_deliver(Slot *slot, const InFlightTask *task, Result *result, char **exports);
/* All that a worker that is spent does not start; tear-downs stay with it. */
void slot_return_unstarted(Slot *slot);
/* The end of all tasks of a worker that is gone. */
void slot_settle(Slot *slot);

PtestPage slot_read_page(const Slot *slot);

/* Gone, and read to the end: from the loop, because the handlers may start the next worker. */
void slot_try_finish(Slot *slot);
/* Drops all that belongs to a worker. */
void slot_clear(Slot *slot);

/* The handlers of the slot's backend worker, but on_ready. */
void slot_on_gone(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata);
void slot_on_lost(BackendWorker *worker, const char *why, void *userdata);
