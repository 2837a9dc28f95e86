/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/outbox.h"

#include <assert.h>
#include <errno.h>
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

static int outbox_send_data(Outbox *outbox, const Message *message) {
        _cleanup_free_ void *data = NULL;
        size_t size;
        int r;

        r = message_pack(message, &data, &size);
        if (r < 0)
                return r;
        assert(size <= PTEST_MESSAGE_SIZE_MAX);
        return channel_worker_send(outbox->channel, data, size, OUTBOX_TIMEOUT_USEC);
}

static int outbox_spill(Outbox *outbox, uint64_t id, const void *data, size_t size) {
        Message message = {
                .kind = MESSAGE_SPILLED,
                .spilled = {.id = id, .offset = outbox->spill_offset, .size = size},
        };
        int r;

        if (size > PTEST_SPILL_SIZE_MAX)
                return -EMSGSIZE;
        r = outbox_write_spill(outbox, data, size);
        if (r < 0)
                return r;
        return outbox_send_data(outbox, &message);
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
        return channel_worker_send(outbox->channel, data, size, OUTBOX_TIMEOUT_USEC);
}
