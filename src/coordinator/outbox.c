/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <utlist.h>

#include "basic/log.h"

typedef struct Parcel {
        void *data;
        size_t size;
        struct Parcel *prev, *next;
} Parcel;

struct Outbox {
        ChannelOutlet *outlet;
        sd_event_source *writable; /* on only while parcels wait */
        Parcel *parcels;
        size_t n_parcels;
};

static Parcel *parcel_free(Parcel *parcel) {
        free(parcel->data);
        free(parcel);
        return NULL;
}

/* Sends what waits, in order, until the socket takes no more. */
static int outbox_flush(Outbox *outbox) {
        while (outbox->parcels) {
                Parcel *parcel = outbox->parcels;
                int r = channel_outlet_send(outbox->outlet, parcel->data, parcel->size);

                if (r == -EAGAIN)
                        return sd_event_source_set_enabled(outbox->writable, SD_EVENT_ON);
                if (r < 0)
                        return r;
                DL_DELETE(outbox->parcels, parcel);
                outbox->n_parcels--;
                parcel_free(parcel);
        }
        return sd_event_source_set_enabled(outbox->writable, SD_EVENT_OFF);
}

static int outbox_on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int r = outbox_flush(userdata);

        /* The worker will be found stuck or dead by others: this is no reason to end the run. */
        if (r < 0) {
                log_debug("Cannot send to a worker: %s", strerror(-r));
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        return 0;
}

/* Takes the data, also on failure. */
static int outbox_push(Outbox *outbox, void *data, size_t size) {
        Parcel *parcel;

        if (outbox->n_parcels >= OUTBOX_MAX) {
                free(data);
                return -ENOBUFS;
        }
        parcel = calloc(1, sizeof(*parcel));
        if (!parcel) {
                free(data);
                return -ENOMEM;
        }
        parcel->data = data;
        parcel->size = size;
        DL_APPEND(outbox->parcels, parcel);
        outbox->n_parcels++;
        return outbox_flush(outbox);
}

int outbox_send(Outbox *outbox, const Message *message) {
        void *data;
        size_t size;
        int r;

        r = message_pack(message, &data, &size);
        if (r < 0)
                return r;
        return outbox_push(outbox, data, size);
}

int outbox_send_tasks(Outbox *outbox, const Task *tasks, size_t n_tasks, size_t *ret_sent) {
        size_t size, packed;
        void *data;
        int r;

        r = message_pack_tasks(tasks, n_tasks, &packed, &data, &size);
        if (r < 0)
                return r;
        r = outbox_push(outbox, data, size);
        if (r < 0)
                return r;
        *ret_sent = packed;
        return 0;
}

void outbox_set_peer(Outbox *outbox, pid_t pid, uid_t uid) {
        channel_outlet_set_peer(outbox->outlet, pid, uid);
}

int outbox_new(sd_event *event,
               const char *directory,
               unsigned slot,
               unsigned generation,
               uid_t uid,
               Outbox **ret) {
        _cleanup_(outbox_freep) Outbox *outbox = calloc(1, sizeof(*outbox));
        int r;

        if (!outbox)
                return -ENOMEM;
        r = channel_outlet_new(directory, slot, generation, 0, uid, &outbox->outlet);
        if (r < 0)
                return r;
        r = sd_event_add_io(
                        event,
                        &outbox->writable,
                        channel_outlet_get_fd(outbox->outlet),
                        EPOLLIN,
                        outbox_on_writable,
                        outbox);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(outbox->writable, "outbox-writable");
        r = sd_event_source_set_enabled(outbox->writable, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(outbox);
        return 0;
}

Outbox *outbox_free(Outbox *outbox) {
        Parcel *parcel, *next;

        if (!outbox)
                return NULL;
        sd_event_source_disable_unref(outbox->writable);
        DL_FOREACH_SAFE(outbox->parcels, parcel, next)
        parcel_free(parcel);
        channel_outlet_free(outbox->outlet);
        free(outbox);
        return NULL;
}
