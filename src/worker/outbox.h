/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/channel.h"
#include "wire/message.h"

/*
 * Outbox: what the worker says; small messages by the socket, large ones by the spill file
 */

typedef struct Outbox {
        ChannelWorker *channel; /* weak: owned by the worker */
        int spill_fd;           /* borrowed */
        uint64_t spill_offset;  /* of the next spilled message: no byte is used twice */
} Outbox;

/* A coordinator that takes nothing for so long is as good as gone; its own deadlines are shorter. */
#define OUTBOX_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* -ETIMEDOUT, or another error: nothing more can be said */
int outbox_send(Outbox *outbox, const Message *message);
