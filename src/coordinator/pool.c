/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Takes what comes over the socket to the slot whose worker sent it. The kernel vouches for the sender: a
 * peer that is not one of our workers is dropped before a byte of it is looked at.
 */

#include "coordinator/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "basic/log.h"

/* Packets handled in one turn of the loop, so that timers and signals stay prompt under a flood. */
#define POOL_PACKETS_PER_TURN 128U

struct Pool {
        SlotContext context;
        ChannelHub *hub;
        sd_event_source *readable;
        sd_event_source *closed;
        unsigned n_slots;
        Slot **slots;
};

static Slot *pool_find_by_pid(const Pool *pool, pid_t pid) {
        for (unsigned i = 0; i < pool->n_slots; i++)
                if (slot_get_pid(pool->slots[i]) == pid)
                        return pool->slots[i];
        return NULL;
}

/* 0: one was handled; -EAGAIN: none waits */
static int pool_receive(Pool *pool) {
        ChannelPacket packet;
        Slot *slot;
        int r;

        r = channel_hub_receive(pool->hub, &packet);
        if (r < 0)
                return r;
        slot = packet.uid == pool->context.uid ? pool_find_by_pid(pool, packet.pid) : NULL;
        if (slot)
                slot_on_packet(slot, &packet);
        else {
                log_debug("Process %d is not one of our workers: dropped", (int)packet.pid);
                channel_hub_drop(pool->hub, packet.pipe);
        }
        free(packet.data);
        return 0;
}

static int pool_on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Pool *pool = userdata;
        int r = 0;

        for (unsigned i = 0; i < POOL_PACKETS_PER_TURN && r >= 0; i++)
                r = pool_receive(pool);
        if (r < 0 && r != -EAGAIN)
                return log_error_errno(r, "Failed to receive from workers: %m");
        return 0;
}

/* What a connection carried before its end is handled before its end is. */
static int pool_on_closed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Pool *pool = userdata;
        uint32_t pipe;
        pid_t pid;
        int r;

        for (;;) {
                r = channel_hub_next_closed(pool->hub, &pipe, &pid);
                if (r == -EAGAIN)
                        return 0;
                if (r < 0)
                        return log_error_errno(r, "Failed to learn which connections ended: %m");
                do
                        r = pool_receive(pool);
                while (r >= 0);
                for (unsigned i = 0; i < pool->n_slots; i++)
                        slot_on_closed(pool->slots[i], pipe);
        }
}

static int pool_watch(
                Pool *pool,
                int fd,
                sd_event_io_handler_t handler,
                const char *name,
                sd_event_source **ret) {
        int r;

        r = sd_event_add_io(pool->context.event, ret, fd, EPOLLIN, handler, pool);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(*ret, name);
        return sd_event_source_set_exit_on_failure(*ret, true);
}

int pool_new(const SlotContext *context, unsigned n_slots, Pool **ret) {
        _cleanup_(pool_freep) Pool *pool = calloc(1, sizeof(*pool));
        int r;

        if (!pool)
                return -ENOMEM;
        pool->context = *context;
        r = channel_hub_new(context->directory, &pool->hub);
        if (r < 0)
                return r;
        pool->context.hub = pool->hub;
        r = pool_watch(pool,
                       channel_hub_get_fd(pool->hub),
                       pool_on_readable,
                       "pool-readable",
                       &pool->readable);
        if (r < 0)
                return r;
        r = pool_watch(pool,
                       channel_hub_get_closed_fd(pool->hub),
                       pool_on_closed,
                       "pool-closed",
                       &pool->closed);
        if (r < 0)
                return r;
        pool->slots = calloc(n_slots, sizeof(*pool->slots));
        if (!pool->slots)
                return -ENOMEM;
        while (pool->n_slots < n_slots) {
                r = slot_new(&pool->context, pool->n_slots + 1, &pool->slots[pool->n_slots]);
                if (r < 0)
                        return r;
                pool->n_slots++;
        }
        *ret = TAKE_PTR(pool);
        return 0;
}

Pool *pool_free(Pool *pool) {
        if (!pool)
                return NULL;
        for (unsigned i = 0; i < pool->n_slots; i++)
                slot_free(pool->slots[i]);
        free(pool->slots);
        sd_event_source_disable_unref(pool->readable);
        sd_event_source_disable_unref(pool->closed);
        channel_hub_free(pool->hub);
        free(pool);
        return NULL;
}

void pool_listen(Pool *pool) {
        if (pool_count(pool, SLOT_STARTING) == 0 || !channel_hub_listen_again(pool->hub, false))
                return;
        for (unsigned i = 0; i < pool->n_slots; i++)
                slot_doubt_hello(pool->slots[i]);
}

unsigned pool_get_size(const Pool *pool) {
        return pool->n_slots;
}

Slot *pool_get_slot(const Pool *pool, unsigned i) {
        assert(i < pool->n_slots);
        return pool->slots[i];
}

unsigned pool_count(const Pool *pool, SlotState state) {
        unsigned n = 0;

        for (unsigned i = 0; i < pool->n_slots; i++)
                n += slot_get_state(pool->slots[i]) == state;
        return n;
}

size_t pool_count_in_flight(const Pool *pool) {
        size_t n = 0;

        for (unsigned i = 0; i < pool->n_slots; i++)
                n += slot_get_in_flight(pool->slots[i]);
        return n;
}
