/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/outbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static int outbox_write_spill(Outbox *outbox, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = pwrite(outbox->spill_fd, data, size, (off_t)outbox->spill_offset);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                outbox->spill_offset += (uint64_t)n;
                data += n;
                size -= (size_t)n;
        }
        return 0;
}

int outbox_flush(Outbox *outbox) {
        int r;

        if (outbox->packet_size == 0)
                return 0;
        r = channel_worker_send(
                        outbox->channel, outbox->packet, outbox->packet_size, OUTBOX_TIMEOUT_USEC);
        outbox->packet_size = 0;
        return r;
}

static int outbox_put(Outbox *outbox, const void *data, size_t size) {
        int r;

        assert(size <= PTEST_MESSAGE_SIZE_MAX);
        if (!outbox->packet) {
                outbox->packet = malloc(PTEST_MESSAGE_SIZE_MAX);
                if (!outbox->packet)
                        return -ENOMEM;
        }
        if (size > PTEST_MESSAGE_SIZE_MAX - outbox->packet_size) {
                r = outbox_flush(outbox);
                if (r < 0)
                        return r;
        }
        memcpy(outbox->packet + outbox->packet_size, data, size);
        outbox->packet_size += size;
        return 0;
}

static int outbox_spill(Outbox *outbox, uint64_t id, const void *data, size_t size) {
        Message message = {
                .kind = MESSAGE_SPILLED,
                .spilled = {.id = id, .offset = outbox->spill_offset, .size = size},
        };
        _cleanup_free_ void *pointer = NULL;
        size_t pointer_size;
        int r;

        if (size > PTEST_SPILL_SIZE_MAX)
                return -EMSGSIZE;
        r = outbox_write_spill(outbox, data, size);
        if (r >= 0)
                r = message_pack(&message, &pointer, &pointer_size);
        return r < 0 ? r : outbox_put(outbox, pointer, pointer_size);
}

int outbox_send(Outbox *outbox, const Message *message) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        r = message_pack(message, &data, &size);
        if (r < 0)
                return r;
        if (size > PTEST_MESSAGE_SIZE_MAX)
                return outbox_spill(outbox, message->finished.id, data, size);
        return outbox_put(outbox, data, size);
}

int outbox_send_found(Outbox *outbox, uint64_t id, Found *found) {
        size_t n = 0;
        int r = 0;

        while (n < found->n_items && r >= 0) {
                _cleanup_free_ void *data = NULL;
                size_t packed, size;

                r = message_pack_found(
                                id, found->items + n, found->n_items - n, &packed, &data, &size);
                if (r == -EMSGSIZE) {
                        r = 0;
                        n++;
                        continue;
                }
                if (r < 0)
                        break;
                r = outbox_put(outbox, data, size);
                n += packed;
        }
        found_done(found);
        return r;
}
