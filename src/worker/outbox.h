/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/channel.h"
#include "wire/message.h"
#include "worker/found.h"

/*
 * Outbox: what the worker says; small messages by the socket, many in one packet, large ones by the spill file
 */

typedef struct Outbox {
        ChannelWorker *channel; /* weak: owned by the worker */
        int spill_fd;           /* borrowed */
        uint64_t spill_offset;  /* of the next spilled message: no byte is used twice */
        char *packet;           /* owned; PTEST_MESSAGE_SIZE_MAX bytes */
        size_t packet_size;
} Outbox;

/* A coordinator that takes nothing for so long is as good as gone; its own deadlines are shorter. */
#define OUTBOX_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* It has to be flushed before anything is waited for. -ETIMEDOUT, or another error: nothing more can be said */
int outbox_send(Outbox *outbox, const Message *message);
/* What the task of that id has found; none is left in it. One that is too long for any message is left out. */
int outbox_send_found(Outbox *outbox, uint64_t id, Found *found);
/* Returns when all is in the kernel, from where no end of this process can take it back. */
int outbox_flush(Outbox *outbox);
