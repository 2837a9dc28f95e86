/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a slot's worker is paused and looked at while it works
 */

#include "coordinator/slot-internal.h"
#include "coordinator/slot-look.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"

/* It reads what it is sent, as far as is known. */
static bool slot_listens(const Slot *slot) {
        return slot->worker && slot->said_hello && !slot->closed && !slot->gone &&
                        slot->state != SLOT_LOST;
}

void slot_pause(Slot *slot, bool on) {
        int r;

        if (!slot_listens(slot))
                return;
        slot->stands = false;
        r = outbox_send(slot->outbox, &(Message){ .kind = MESSAGE_PAUSE, .pause.on = on });
        if (r < 0)
                log_debug("worker %u.%u: cannot be told to %s: %s",
                          slot->number,
                          slot->generation,
                          on ? "pause" : "go on",
                          strerror(-r));
}

bool slot_stands(const Slot *slot) {
        return slot->stands || slot->state == SLOT_EMPTY || slot->state == SLOT_LOST;
}

void slot_follow_clock(Slot *slot) {
        timer_follow_clock(&slot->deadline);
}

int slot_peek(Slot *slot, uint64_t id, uint64_t out_from, uint64_t err_from) {
        int r;

        if (!slot_listens(slot))
                return -ENOTCONN;
        r = outbox_send(
                        slot->outbox,
                        &(Message){
                                        .kind = MESSAGE_PEEK,
                                        .peek = {
                                                .id = id,
                                                .out.from = out_from,
                                                .err.from = err_from,
                                        },
                        });
        if (r >= 0)
                slot->n_peeks++;
        return r;
}
