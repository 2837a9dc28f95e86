/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/pool.h"
#include "model/batch.h"
#include "model/plan.h"
#include "model/queue.h"

/*
 * Dispatch: which worker gets which test, and when
 *
 * A worker is given a few tests ahead, as many as hide the latency of the socket while tests are short; none
 * while the test that it is at takes long. An exclusive test goes out only when nobody holds anything, and
 * nothing follows until it has ended.
 */

typedef struct Dispatch {
        const Suite *suite;
        Pool *pool;
        Queue *queue;
        Plan *plan;
        Batch batch;
        bool exclusive; /* one is out */
} Dispatch;

/* A test that cannot be sent at all: the callee gives it its outcome. */
typedef void (*dispatch_reject_t)(uint32_t test, const char *reason, void *userdata);

void dispatch_fill(Dispatch *dispatch, dispatch_reject_t on_reject, void *userdata);

/* A test has ended or has come back. */
void dispatch_on_returned(Dispatch *dispatch, uint32_t test);
void dispatch_on_result(Dispatch *dispatch, uint32_t test, const Result *result);

/* Takes back what waits behind a test that turned out to be long, while others have nothing to do. */
void dispatch_rebalance(Dispatch *dispatch);

/* A test that has run for this long is long: nothing is to wait behind it. */
#define DISPATCH_LONG (100 * USEC_PER_MSEC)
