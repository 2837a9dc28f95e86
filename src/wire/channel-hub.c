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
 * bytes to us. So a connection that ended by itself has been emptied when it is told.
 *
 * Why dropping only turns a deaf ear: see socket_close() for what nng 1.5.2 makes of a connection that is
 * closed while something travels on it. A dropped connection is told as closed at once, and its messages are
 * thrown away until its peer, who is stopped for what it did, has ended.
 */

#include "wire/channel.h"
#include "wire/socket.h"

#include "basic/fd.h"
#include "basic/log.h"

#include <assert.h>
#include <errno.h>
#include <nng/protocol/pipeline0/pull.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

/* More than workers that one machine can hold, and few enough for a stranger to take no memory worth having. */
#define CONNECTIONS_MAX 16384U

/* Each stays to the end. Who knocks more often than that is no accident. */
#define LISTENERS_MAX 256U

/* What is thrown away of dropped connections before the caller gets its turn again. */
#define DISCARD_MAX 64U

typedef struct Connection {
        uint32_t pipe;
        pid_t pid;
        uid_t uid;
        bool dropped; /* nothing of it is wanted any more */
        bool ended;   /* nng has forgotten it */
        bool queued;  /* in the list of what is to be told, or told already */
        bool told;
        UT_hash_handle hh;
        struct Connection *next; /* in the list of what is to be told */
} Connection;

struct ChannelHub {
        nng_socket socket;
        char url[SOCKET_URL_MAX];
        unsigned n_listeners;
        uint64_t n_faults; /* of them, when they were last looked at */
        bool open;
        int receive_fd; /* nng's */
        int closed_fd;
        pthread_mutex_t lock;    /* for the two below */
        Connection *connections; /* owned; by pipe; until they have ended and that was told */
        Connection *closed;      /* weak: in connections; what is to be told, in order */
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

/* Locked; queues a connection to be told, once. */
static void hub_queue_closed(ChannelHub *hub, Connection *connection) {
        if (connection->queued)
                return;
        connection->queued = true;
        if (!hub->closed)
                eventfd_write(hub->closed_fd, 1);
        LL_APPEND(hub->closed, connection);
}

/* Locked; forgets a connection of which nothing more is to come or to be told. */
static void hub_collect(ChannelHub *hub, Connection *connection) {
        if (!connection->ended || !connection->told)
                return;
        HASH_DEL(hub->connections, connection);
        free(connection);
}

static void connection_on_remove(nng_pipe pipe, nng_pipe_ev event, void *userdata) {
        ChannelHub *hub = userdata;
        uint32_t id = (uint32_t)nng_pipe_id(pipe);
        Connection *connection;

        pthread_mutex_lock(&hub->lock);
        HASH_FIND(hh, hub->connections, &id, sizeof(id), connection);
        if (connection) { /* else it was refused as it was added */
                connection->ended = true;
                hub_queue_closed(hub, connection);
                hub_collect(hub, connection);
        }
        pthread_mutex_unlock(&hub->lock);
}

/* ---- In the caller's thread ---- */

static int hub_listen(ChannelHub *hub) {
        int r = socket_listen(hub->socket, hub->url);

        if (r >= 0)
                hub->n_listeners++;
        return r;
}

static int hub_open(ChannelHub *hub) {
        int r = socket_check_threads();
        if (r < 0)
                return r;
        r = nng_pull0_open(&hub->socket);
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
        return hub_listen(hub);
}

int channel_hub_new(const char *directory, ChannelHub **ret) {
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;

        hub = calloc(1, sizeof(ChannelHub));
        if (!hub)
                return -ENOMEM;
        pthread_mutex_init(&hub->lock, NULL);
        hub->receive_fd = -1;
        hub->closed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (hub->closed_fd < 0)
                return -errno;

        int r = socket_make_hub_url(directory, hub->url);
        if (r < 0)
                return r;
        r = hub_open(hub);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(hub);
        return 0;
}

ChannelHub *channel_hub_free(ChannelHub *hub) {
        if (!hub)
                return NULL;

        /* Ends all connections and returns when the last call of connection_on_remove() has. */
        if (hub->open && socket_close(hub->socket) < 0)
                return NULL; /* nng's threads may still come here */

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

/*
 * A listener that has become deaf stays, with the connections that it has taken: the name in the file system is
 * given to another one. Closing it would close those, too.
 */
bool channel_hub_listen_again(ChannelHub *hub, bool missing) {
        const uint64_t n_faults = socket_count_faults(hub->url);
        int r;

        if ((n_faults == hub->n_faults && !missing) || hub->n_listeners >= LISTENERS_MAX)
                return false;
        hub->n_faults = n_faults;
        if (unlink(socket_get_path(hub->url)) < 0 && errno != ENOENT)
                return false;
        r = hub_listen(hub);
        if (r < 0)
                log_warning("Failed to listen to workers again: %s", strerror(-r));
        return r >= 0;
}

int channel_hub_get_fd(ChannelHub *hub) {
        return hub->receive_fd;
}

/*
 * Whose message it is; false for one that was dropped. The connection may have ended since the message was
 * taken, but that was not told yet: it is there.
 */
static bool hub_find_peer(ChannelHub *hub, uint32_t pipe, ChannelPacket *packet) {
        Connection *connection;
        bool wanted = false;

        pthread_mutex_lock(&hub->lock);
        HASH_FIND(hh, hub->connections, &pipe, sizeof(pipe), connection);
        if (connection && !connection->dropped) {
                packet->pipe = pipe;
                packet->pid = connection->pid;
                packet->uid = connection->uid;
                wanted = true;
        }
        pthread_mutex_unlock(&hub->lock);
        return wanted;
}

int channel_hub_receive(ChannelHub *hub, ChannelPacket *ret) {
        for (unsigned i = 0; i < DISCARD_MAX; i++) {
                ChannelPacket packet = {};
                nng_msg *message;

                int r = nng_recvmsg(hub->socket, &message, NNG_FLAG_NONBLOCK);
                if (r != 0)
                        return socket_error(r);

                bool wanted = hub_find_peer(
                                hub, (uint32_t)nng_pipe_id(nng_msg_get_pipe(message)), &packet);
                r = wanted ? socket_copy_message(message, &packet.data, &packet.size) : 0;
                nng_msg_free(message);
                if (r < 0)
                        return r;
                if (wanted) {
                        *ret = packet;
                        return 0;
                }
        }
        return -EAGAIN; /* the fd stays readable */
}

int channel_hub_get_closed_fd(ChannelHub *hub) {
        return hub->closed_fd;
}

int channel_hub_next_closed(ChannelHub *hub, uint32_t *ret_pipe, pid_t *ret_pid) {
        int r = -EAGAIN;

        pthread_mutex_lock(&hub->lock);
        Connection *connection = hub->closed;
        if (connection) {
                LL_DELETE(hub->closed, connection);
                if (!hub->closed) {
                        eventfd_t value;
                        eventfd_read(hub->closed_fd, &value);
                }
                *ret_pipe = connection->pipe;
                *ret_pid = connection->pid;
                connection->told = true;
                hub_collect(hub, connection);
                r = 0;
        }
        pthread_mutex_unlock(&hub->lock);
        return r;
}

void channel_hub_drop(ChannelHub *hub, uint32_t pipe) {
        Connection *connection;

        pthread_mutex_lock(&hub->lock);
        HASH_FIND(hh, hub->connections, &pipe, sizeof(pipe), connection);
        if (connection) { /* else it has ended by itself */
                connection->dropped = true;
                hub_queue_closed(hub, connection);
        }
        pthread_mutex_unlock(&hub->lock);
}
