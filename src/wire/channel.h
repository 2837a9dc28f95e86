/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Channels: the sockets that messages travel on, and the only users of nng
 *
 * All fds are for poll or an event loop: never read or close them. Nothing at the coordinator blocks. Block
 * signals before the first of these calls: nng's threads inherit the mask. Never call any of this after a fork
 * without exec. The directory is the caller's: it exists, is private, and is removed after everything here
 * was freed, which removes the sockets.
 */

/* The coordinator's end for the events of all workers: a PULL socket that listens. */
typedef struct ChannelHub ChannelHub;

typedef struct ChannelPacket {
        void *data; /* owned; free() */
        size_t size;
        uint32_t pipe; /* the connection it came by; never reused while one is open */
        pid_t pid;     /* the peer, as the kernel vouches for it */
        uid_t uid;
} ChannelPacket;

/* -ENAMETOOLONG: directory too long for a socket path; 90 bytes fit */
int channel_hub_new(const char *directory, ChannelHub **ret);
/* After all peers have ended, if at all possible: see channel_outlet_free(). */
ChannelHub *channel_hub_free(ChannelHub *hub);
DEFINE_CLEANUP(ChannelHub, channel_hub_free);

/* Readable while packets wait. */
int channel_hub_get_fd(ChannelHub *hub);
/* -EAGAIN: none now; -EMSGSIZE is never returned: an oversized message closes its connection */
int channel_hub_receive(ChannelHub *hub, ChannelPacket *ret);

/*
 * Connections that ended, each told once, after its last packet can be received: the fd is readable while
 * one waits. To be sure that nothing of a connection is missed, receive until -EAGAIN after it was told.
 */
int channel_hub_get_closed_fd(ChannelHub *hub);
int channel_hub_next_closed(ChannelHub *hub, uint32_t *ret_pipe, pid_t *ret_pid); /* -EAGAIN */

/*
 * Nothing more is received from this connection (a peer that is not who it should be, a broken message), and
 * it is told as closed, if it was not yet. The peer itself is not cut off, and has to be stopped by the caller.
 */
void channel_hub_drop(ChannelHub *hub, uint32_t pipe);

/*
 * nng 1.5.2 stops taking connections for good when a peer is gone before it was greeted: one that was killed just then, or a
 * stranger that only knocks. Looks whether that may have happened since the last look, and listens anew if it may, or if
 * the caller misses somebody who should have been heard. True: whoever connected before may never be heard, those that
 * were heard are.
 */
bool channel_hub_listen_again(ChannelHub *hub, bool missing);

/* The coordinator's end for the tasks of one worker: a PUSH socket that listens. */
typedef struct ChannelOutlet ChannelOutlet;

/*
 * Only a peer with this pid and uid may connect; others are closed before a byte goes to them. pid 0: set
 * later with channel_outlet_set_peer(), until then nobody may.
 */
int channel_outlet_new(
                const char *directory,
                unsigned slot,
                unsigned generation,
                pid_t pid,
                uid_t uid,
                ChannelOutlet **ret);
void channel_outlet_set_peer(ChannelOutlet *outlet, pid_t pid, uid_t uid);
/*
 * After the peer has ended, if at all possible: nng 1.5.2 can hang when it closes a connection on which
 * something travels. This then waits two seconds, leaves the memory to nng, and no end of another connection
 * is told any more.
 */
ChannelOutlet *channel_outlet_free(ChannelOutlet *outlet);
DEFINE_CLEANUP(ChannelOutlet, channel_outlet_free);
/*
 * Copies the data. -EAGAIN: the peer is not there, or does not take it, or the message before is still on its
 * way to the kernel, which takes some microseconds: wait for the fd, also between two sends in a row.
 * -EMSGSIZE above PTEST_MESSAGE_SIZE_MAX.
 */
int channel_outlet_send(ChannelOutlet *outlet, const void *data, size_t size);
/*
 * Writable: the fd is readable (sic, as nng has it) while a send would not give -EAGAIN. Watch it only while
 * there is something to send.
 */
int channel_outlet_get_fd(ChannelOutlet *outlet);

/* A worker's two ends in one: tasks in, events out. */
typedef struct ChannelWorker ChannelWorker;

/*
 * Dials both sockets; they must exist, and the outlet must know this process by then. A connection that ends
 * is not made again.
 */
int channel_worker_new(
                const char *directory, unsigned slot, unsigned generation, ChannelWorker **ret);
ChannelWorker *channel_worker_free(ChannelWorker *worker);
DEFINE_CLEANUP(ChannelWorker, channel_worker_free);
/* Readable while a message waits. */
int channel_worker_get_fd(ChannelWorker *worker);
int channel_worker_receive(ChannelWorker *worker, void **ret_data, size_t *ret_size); /* -EAGAIN */
/*
 * Returns when the message is in the kernel, from where no end of this process can take it back. Waits at most
 * timeout_usec for that; -ETIMEDOUT then, and it may or may not arrive. -EPIPE: the coordinator has closed the
 * connection. -EMSGSIZE above PTEST_MESSAGE_SIZE_MAX.
 */
int channel_worker_send(
                ChannelWorker *worker, const void *data, size_t size, uint64_t timeout_usec);
