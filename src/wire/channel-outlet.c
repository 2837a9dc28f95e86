/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The coordinator's end for the tasks of one worker
 *
 * Who may connect is asked in a thread of nng's, before the connection is used: it reads the one atomic field
 * that the coordinator's thread sets.
 */

#include "wire/channel.h"
#include "wire/socket.h"

#include <errno.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ChannelOutlet {
        nng_socket socket;
        bool open;
        int send_fd;           /* nng's */
        _Atomic uint64_t peer; /* pid and uid in one, so that nobody sees one without the other */
};

static uint64_t peer_pair(pid_t pid, uid_t uid) {
        return (uint64_t)(uint32_t)pid << 32 | (uint32_t)uid;
}

static void outlet_on_add(nng_pipe pipe, nng_pipe_ev event, void *userdata) {
        ChannelOutlet *outlet = userdata;
        pid_t pid;
        uid_t uid;

        /* Nothing travels on it yet: here a close is safe, see socket_close() */
        if (socket_get_peer(pipe, &pid, &uid) < 0 || pid == 0 ||
            atomic_load(&outlet->peer) != peer_pair(pid, uid))
                nng_pipe_close(pipe);
}

static int outlet_open(ChannelOutlet *outlet, const char *url) {
        int r = nng_push0_open(&outlet->socket);
        if (r != 0)
                return socket_error(r);
        outlet->open = true;

        r = socket_configure(outlet->socket);
        if (r < 0)
                return r;
        r = nng_pipe_notify(outlet->socket, NNG_PIPE_EV_ADD_PRE, outlet_on_add, outlet);
        if (r != 0)
                return socket_error(r);
        r = nng_socket_get_int(outlet->socket, NNG_OPT_SENDFD, &outlet->send_fd);
        if (r != 0)
                return socket_error(r);
        return socket_listen(outlet->socket, url);
}

int channel_outlet_new(
                const char *directory,
                unsigned slot,
                unsigned generation,
                pid_t pid,
                uid_t uid,
                ChannelOutlet **ret) {
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;
        char url[SOCKET_URL_MAX];

        int r = socket_make_outlet_url(directory, slot, generation, url);
        if (r < 0)
                return r;

        outlet = calloc(1, sizeof(ChannelOutlet));
        if (!outlet)
                return -ENOMEM;
        outlet->send_fd = -1;
        channel_outlet_set_peer(outlet, pid, uid);

        r = outlet_open(outlet, url);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(outlet);
        return 0;
}

void channel_outlet_set_peer(ChannelOutlet *outlet, pid_t pid, uid_t uid) {
        atomic_store(&outlet->peer, peer_pair(pid, uid));
}

ChannelOutlet *channel_outlet_free(ChannelOutlet *outlet) {
        if (!outlet)
                return NULL;

        if (outlet->open && socket_close(outlet->socket) < 0)
                return NULL; /* nng's threads may still come here */
        free(outlet);
        return NULL;
}

int channel_outlet_send(ChannelOutlet *outlet, const void *data, size_t size) {
        return socket_send(outlet->socket, data, size);
}

int channel_outlet_get_fd(ChannelOutlet *outlet) {
        return outlet->send_fd;
}
