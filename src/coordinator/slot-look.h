/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/slot.h"

/*
 * Look: what a stuck worker and its tests are doing, found out before it is stopped
 *
 * A helper looks (ptest-worker --stuck-report) and the loop goes on meanwhile; it has a few seconds, whatever it looks
 * at. The record that the worker is stuck is written when it is over, and the worker is stopped then.
 */

/* at: the address of what it is stuck at; may be NULL. Without a helper, as for STUCK_NONE, it is over at once. */
void slot_begin_look(Slot *slot, const char *why, const char *at, StuckPolicy policy);
/* Over now, with what was found so far. Nothing if there is no look. stop: the worker is still to be stopped */
void slot_end_look(Slot *slot, bool stop);
/* Over now, without a word. */
void slot_drop_look(Slot *slot);
