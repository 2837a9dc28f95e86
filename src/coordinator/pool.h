/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/slot.h"

/*
 * The pool: all slots of a run, and the one socket on which their workers speak
 */

typedef struct Pool Pool;

/* The context's hub is filled in. SIGKILLed peers, strangers and broken messages never reach the caller. */
int pool_new(const SlotContext *context, unsigned n_slots, Pool **ret);
Pool *pool_free(Pool *pool);
DEFINE_CLEANUP(Pool, pool_free);

unsigned pool_get_size(const Pool *pool);
Slot *pool_get_slot(const Pool *pool, unsigned i);

/* Now and then: while a worker starts, looks whether it can be heard. */
void pool_listen(Pool *pool);

/* Slots in that state. */
unsigned pool_count(const Pool *pool, SlotState state);
/* Tasks that workers hold. */
size_t pool_count_in_flight(const Pool *pool);
