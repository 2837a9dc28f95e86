/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/coordinator-internal.h"

/*
 * Status: what a run is doing, for who asks while it goes on; one JSON document, described in ptest(1)
 */

int coordinator_make_status(const Coordinator *coordinator, char **ret);

/* Lets others of the same user, and root, ask: see status-server.h. Without it the run goes on as well. */
int coordinator_open_status(Coordinator *coordinator);
void coordinator_on_slot_peeked(Slot *slot, const Message *message, void *userdata);
