/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/pool.h"
#include "model/batch.h"
#include "model/plan.h"
#include "model/schedule.h"

/*
 * Dispatch: sends to workers what the schedule has for them
 *
 * A worker is given a few tests ahead, as many as hide the latency of the socket while tests are short; none
 * while the test that it is at takes long. Where workers hand back what waits after each failure they get none before
 * they have nothing: what was under way then would be started without anybody having looked at the failure. The first slots of the pool are those of workers; one for each shared
 * context follows, as the schedule numbers its places.
 */

/* What cannot be sent at all: the callee gives the test its outcome, or fails the fixture. */
typedef struct DispatchHandlers {
        void (*on_reject)(uint32_t test, const char *reason, void *userdata);
        void (*on_reject_fixture)(
                        uint32_t instance, PtestRole role, const char *reason, void *userdata);
        void *userdata;
} DispatchHandlers;

typedef struct Dispatch {
        const Suite *suite;
        Pool *pool;
        Schedule *schedule;
        Plan *plan;
        unsigned n_workers;
        bool hands_back; /* so the workers */
        Test *nothing;   /* the tear-down of contexts that have none */
        Batch batch;
        DispatchHandlers handlers;
} Dispatch;

void dispatch_fill(Dispatch *dispatch);

/* A test has ended or has come back. */
void dispatch_on_returned(Dispatch *dispatch, uint32_t test);
void dispatch_on_result(Dispatch *dispatch, uint32_t test, const Result *result);

/* The set-up or tear-down of a context; a context without has an empty one to be given. */
const Test *dispatch_get_fixture(const Dispatch *dispatch, uint32_t context, PtestRole role);

/* Takes back what waits behind a test that turned out to be long: for other workers, where there are any. */
void dispatch_rebalance(Dispatch *dispatch);

/* A test that has run for this long is long: nothing is to wait behind it. */
#define DISPATCH_LONG (100 * USEC_PER_MSEC)
