/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The coordinator's end for the events of all workers
 *
 * nng calls connection_on_add() and connection_on_remove() in threads of its own. They only keep the list of
 * connections and raise an eventfd; all else happens in the caller's thread. No nng function is called with
 * the lock held, because nng holds locks of its own around these calls.
 *
 * Why a close is told after the last packet: nng reads the next message of a connection, and so its end, only
 * when the one before it has been taken by channel_hub_receive(); and a peer that ends leaves its socket's
 * bytes to us. So a connection that ended by itself has been emptied when it is told. One that is dropped
 * loses what was not received, which is what dropping is for.
 */

#include "wire/channel.h"
#include "wire/socket.h"

#include "basic/fd.h"

#include <assert.h>
#include <errno.h>
#include <nng/protocol/pipeline0/pull.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <uthash.h>
#include <utlist.h>

/* More than workers that one machine can hold, and few enough for a stranger to take no memory worth having. */
#define CONNECTIONS_MAX 16384U

typedef struct Connection {
        uint32_t pipe;
        pid_t pid;
        uid_t uid;
        UT_hash_handle hh;
        struct Connection *next; /* in the list of those that are closed */
} Connection;

struct ChannelHub {
        nng_socket socket;
        bool open;
        int receive_fd; /* nng's */
        int closed_fd;
        pthread_mutex_t lock;    /* for the two below */
        Connection *connections; /* owned; by pipe; also those that are closed and were not told yet */
        Connection *closed;      /* weak: in connections; in the order in which they ended */
};

/* ---- In nng's threads ---- */

static bool hub_add(ChannelHub *hub, Connection *connection) {
        bool fits = false;

        pthread_mutex_lock(&hub->lock);
        if (HASH_COUNT(hub->connections) < CONNECTIONS_MAX) {
                HASH_ADD(hh, hub->connections, pipe, sizeof(connection->pipe), connection);
                fits = true;
        }
        pthread_mutex_unlock(&hub->lock);
        return fits;
}

static void connection_on_add(nng_pipe pipe, nng_pipe_ev event, void *userdata) {
        ChannelHub *hub = userdata;
        _cleanup_free_ Connection *connection = calloc(1, sizeof(Connection));

        if (!connection) {
                nng_pipe_close(pipe);
                return;
        }
        connection->pipe = (uint32_t)nng_pipe_id(pipe);
        if (socket_get_peer(pipe, &connection->pid, &connection->uid) < 0 ||
            !hub_add(hub, connection)) {
                nng_pipe_close(pipe);
                return;
        }
        TAKE_PTR(connection);
}

static void connection_on_remove(nng_pipe pipe, nng_pipe_ev event, void *userdata) {
        ChannelHub *hub = userdata;
        uint32_t id = (uint32_t)nng_pipe_id(pipe);
        Connection *connection;

        pthread_mutex_lock(&hub->lock);
        HASH_FIND(hh, hub->connections, &id, sizeof(id), connection);
        if (connection) { /* else it was refused as it was added */
                if (!hub->closed)
                        eventfd_write(hub->closed_fd, 1);
                LL_APPEND(hub->closed, connection);
        }
        pthread_mutex_unlock(&hub->lock);
}

/* ---- In the caller's thread ---- */

static int hub_open(ChannelHub *hub, const char *url) {
        int r = nng_pull0_open(&hub->socket);
        if (r != 0)
                return socket_error(r);
        hub->open = true;

        r = socket_configure(hub->socket);
        if (r < 0)
                return r;
        r = nng_pipe_notify(hub->socket, NNG_PIPE_EV_ADD_PRE, connection_on_add, hub);
        if (r != 0)
                return socket_error(r);
        r = nng_pipe_notify(hub->socket, NNG_PIPE_EV_REM_POST, connection_on_remove, hub);
        if (r != 0)
                return socket_error(r);
        r = nng_socket_get_int(hub->socket, NNG_OPT_RECVFD, &hub->receive_fd);
        if (r != 0)
                return socket_error(r);
        return socket_listen(hub->socket, url);
}

int channel_hub_new(const char *directory, ChannelHub **ret) {
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        char url[SOCKET_URL_MAX];

        int r = socket_make_hub_url(directory, url);
        if (r < 0)
                return r;

        hub = calloc(1, sizeof(ChannelHub));
        if (!hub)
                return -ENOMEM;
        pthread_mutex_init(&hub->lock, NULL);
        hub->receive_fd = -1;
        hub->closed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (hub->closed_fd < 0)
                return -errno;

        r = hub_open(hub, url);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(hub);
        return 0;
}

ChannelHub *channel_hub_free(ChannelHub *hub) {
        if (!hub)
                return NULL;

        /* Ends all connections and returns when the last call of connection_on_remove() has. */
        if (hub->open)
                nng_close(hub->socket);

        Connection *connection, *next;
        HASH_ITER(hh, hub->connections, connection, next) {
                HASH_DEL(hub->connections, connection);
                free(connection);
        }
        fd_close(hub->closed_fd);
        pthread_mutex_destroy(&hub->lock);
        free(hub);
        return NULL;
}

int channel_hub_get_fd(ChannelHub *hub) {
        return hub->receive_fd;
}

/* The connection may have ended since its message was taken, but it was not told yet: it is there. */
static bool hub_find_peer(ChannelHub *hub, uint32_t pipe, ChannelPacket *packet) {
        Connection *connection;

        pthread_mutex_lock(&hub->lock);
        HASH_FIND(hh, hub->connections, &pipe, sizeof(pipe), connection);
        if (connection) {
                packet->pipe = pipe;
                packet->pid = connection->pid;
                packet->uid = connection->uid;
        }
        pthread_mutex_unlock(&hub->lock);
        return connection;
}

int channel_hub_receive(ChannelHub *hub, ChannelPacket *ret) {
        nng_msg *message;

        int r = nng_recvmsg(hub->socket, &message, NNG_FLAG_NONBLOCK);
        if (r != 0)
                return socket_error(r);

        ChannelPacket packet = {};
        r = -EIO;
        if (hub_find_peer(hub, (uint32_t)nng_pipe_id(nng_msg_get_pipe(message)), &packet))
                r = socket_copy_message(message, &packet.data, &packet.size);
        nng_msg_free(message);
        if (r < 0)
                return r;

        *ret = packet;
        return 0;
}

int channel_hub_get_closed_fd(ChannelHub *hub) {
        return hub->closed_fd;
}

int channel_hub_next_closed(ChannelHub *hub, uint32_t *ret_pipe, pid_t *ret_pid) {
        _cleanup_free_ Connection *connection = NULL;

        pthread_mutex_lock(&hub->lock);
        connection = hub->closed;
        if (connection) {
                LL_DELETE(hub->closed, connection);
                HASH_DEL(hub->connections, connection);
                if (!hub->closed) {
                        eventfd_t value;
                        eventfd_read(hub->closed_fd, &value);
                }
        }
        pthread_mutex_unlock(&hub->lock);
        if (!connection)
                return -EAGAIN;

        *ret_pipe = connection->pipe;
        *ret_pid = connection->pid;
        return 0;
}

void channel_hub_drop(ChannelHub *hub, uint32_t pipe) {
        /* If it ended meanwhile, nng does not know it any more, which is as good. */
        nng_pipe_close((nng_pipe){ .id = pipe });
}
