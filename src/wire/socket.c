/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the hub, the outlet and the worker have in common
 *
 * No socket has a buffer in nng (SENDBUF 0, which is its default too): what nng has taken is then in the
 * kernel or on its way there. With a buffer, a send to a worker that is not connected would succeed, and
 * what a worker has sent would die with it. Receiving sockets hold one message a connection in memory and
 * leave the rest in the kernel, whose buffer is what stops a peer that sends too fast.
 */

#include "wire/socket.h"

#include "basic/macros.h"
#include "ptest/protocol.h"

#include <errno.h>
#include <nng/transport/ipc/ipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* The directory says who may connect; this holds should its mode be wrong. */
#define SOCKET_MODE 0600

/* nng has no way to say never. */
#define RECONNECT_MSEC (60 * 60 * 1000)

#define SCHEME "ipc://"

int socket_error(int error) {
        static const struct {
                int nng, negative_errno;
        } table[] = {
                {0,                 0            },
                { NNG_EAGAIN,       -EAGAIN      },
                { NNG_ETIMEDOUT,    -ETIMEDOUT   },
                { NNG_ENOMEM,       -ENOMEM      },
                { NNG_ECLOSED,      -ESHUTDOWN   },
                { NNG_ECONNREFUSED, -ECONNREFUSED},
                { NNG_ECONNSHUT,    -ECONNRESET  },
                { NNG_ECONNRESET,   -ECONNRESET  },
                { NNG_EADDRINUSE,   -EADDRINUSE  },
                { NNG_EADDRINVAL,   -EINVAL      },
                { NNG_EINVAL,       -EINVAL      },
                { NNG_EPERM,        -EPERM       },
                { NNG_EMSGSIZE,     -EMSGSIZE    },
                { NNG_ENOFILES,     -EMFILE      },
                { NNG_ENOENT,       -ENOENT      },
                { NNG_EPROTO,       -EPROTO      },
                { NNG_ENOTSUP,      -EOPNOTSUPP  },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].nng == error)
                        return table[i].negative_errno;
        if (error > 0 && error & NNG_ESYSERR)
                return -(error & ~NNG_ESYSERR);
        return -EIO;
}

static int make_url(const char *directory, const char *name, char ret[static SOCKET_URL_MAX]) {
        int n = snprintf(ret, SOCKET_URL_MAX, SCHEME "%s/%s", directory, name);

        /* nng would take a longer one and fail with no more than "invalid". */
        if (n < 0 || (size_t)n >= SOCKET_URL_MAX ||
            (size_t)n - strlen(SCHEME) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                return -ENAMETOOLONG;
        return 0;
}

int socket_make_hub_url(const char *directory, char ret[static SOCKET_URL_MAX]) {
        char longest[SOCKET_NAME_MAX + 1] = {};

        /* Better no run than one that finds with the first worker that its sockets have no room. */
        memset(longest, 'w', SOCKET_NAME_MAX);
        int r = make_url(directory, longest, ret);
        if (r < 0)
                return r;
        return make_url(directory, "e", ret);
}

int socket_make_outlet_url(
                const char *directory,
                unsigned slot,
                unsigned generation,
                char ret[static SOCKET_URL_MAX]) {
        char name[2 * (sizeof("w4294967295") - 1) + 1];

        snprintf(name, sizeof(name), "w%ug%u", slot, generation);
        return make_url(directory, name, ret);
}

int socket_configure(nng_socket socket) {
        int r = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, PTEST_MESSAGE_SIZE_MAX);
        if (r != 0)
                return socket_error(r);

        /* A connection is for life: a worker that lost one is stopped, so that nobody need sort out two. */
        r = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MSEC);
        if (r != 0)
                return socket_error(r);
        return socket_error(nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, RECONNECT_MSEC));
}

int socket_listen(nng_socket socket, const char *url) {
        nng_listener listener;

        int r = nng_listener_create(&listener, socket, url);
        if (r != 0)
                return socket_error(r);
        r = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
        if (r != 0)
                return socket_error(r);
        return socket_error(nng_listener_start(listener, 0));
}

int socket_get_peer(nng_pipe pipe, pid_t *ret_pid, uid_t *ret_uid) {
        uint64_t pid, uid;

        int r = nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid);
        if (r != 0)
                return socket_error(r);
        r = nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid);
        if (r != 0)
                return socket_error(r);

        *ret_pid = (pid_t)pid;
        *ret_uid = (uid_t)uid;
        return 0;
}

int socket_send(nng_socket socket, const void *data, size_t size) {
        nng_msg *message;

        if (size > PTEST_MESSAGE_SIZE_MAX)
                return -EMSGSIZE;

        int r = nng_msg_alloc(&message, size);
        if (r != 0)
                return socket_error(r);
        memcpy(nng_msg_body(message), data, size);

        r = nng_sendmsg(socket, message, NNG_FLAG_NONBLOCK);
        if (r != 0)
                nng_msg_free(message); /* it is ours until it was taken */
        return socket_error(r);
}

int socket_copy_message(nng_msg *message, void **ret_data, size_t *ret_size) {
        size_t size = nng_msg_len(message);

        void *data = malloc(MAX(size, 1U));
        if (!data)
                return -ENOMEM;
        memcpy(data, nng_msg_body(message), size);

        *ret_data = data;
        *ret_size = size;
        return 0;
}
