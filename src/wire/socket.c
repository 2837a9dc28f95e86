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

#include "basic/fd.h"
#include "basic/macros.h"
#include "ptest/protocol.h"

#include <errno.h>
#include <nng/transport/ipc/ipc.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The directory says who may connect, in which nobody but the coordinator can write: a worker of another user
 * has to. Each peer is checked besides.
 */
#define SOCKET_MODE 0666

/* A close takes a few milliseconds, or for ever. */
#define CLOSE_PATIENCE_MSEC 2000

/* nng has no way to say never. */
#define RECONNECT_MSEC (60 * 60 * 1000)

/* For each CPU up to 8: two for tasks, one for timeouts, and in later versions one that polls; 7 for all else. */
#define NNG_THREADS_A_CPU    4U
#define NNG_THREADS_CPUS_MAX 8U
#define NNG_THREADS_BESIDE   7U

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

/* As many as nng has, or some more: most of them depend on the number of CPUs, up to a bound. */
static size_t count_threads(void) {
        size_t n_cpus = (size_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);

        n_cpus = MIN(n_cpus, (size_t)NNG_THREADS_CPUS_MAX);
        return NNG_THREADS_A_CPU * n_cpus + NNG_THREADS_BESIDE;
}

static void *thread_wait(void *userdata) {
        pthread_mutex_t *all_there = userdata;

        pthread_mutex_lock(all_there);
        pthread_mutex_unlock(all_there);
        return NULL;
}

int socket_check_threads(void) {
        pthread_mutex_t all_there = PTHREAD_MUTEX_INITIALIZER;
        pthread_t threads[NNG_THREADS_A_CPU * NNG_THREADS_CPUS_MAX + NNG_THREADS_BESIDE];
        size_t wanted = count_threads(), n = 0;

        pthread_mutex_lock(&all_there);
        while (n < wanted && pthread_create(&threads[n], NULL, thread_wait, &all_there) == 0)
                n++;
        pthread_mutex_unlock(&all_there);
        for (size_t i = 0; i < n; i++)
                pthread_join(threads[i], NULL);
        return n < wanted ? -EAGAIN : 0;
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

const char *socket_get_path(const char *url) {
        return url + strlen(SCHEME);
}

static nng_stat *stat_find_child(nng_stat *parent, const char *name) {
        nng_stat *child = nng_stat_child(parent);

        while (child && strcmp(nng_stat_name(child), name) != 0)
                child = nng_stat_next(child);
        return child;
}

uint64_t socket_count_faults(const char *url) {
        uint64_t n = 0;
        nng_stat *all;

        if (nng_stats_get(&all) != 0)
                return 0;
        for (nng_stat *stat = nng_stat_child(all); stat; stat = nng_stat_next(stat)) {
                nng_stat *where = stat_find_child(stat, "url"),
                         *other = stat_find_child(stat, "other");

                if (where && other && strcmp(nng_stat_name(stat), "listener") == 0 &&
                    strcmp(nng_stat_string(where), url) == 0)
                        n += nng_stat_value(other);
        }
        nng_stats_free(all);
        return n;
}

/* ---- Closing ---- */

/* Shared by who waits and the thread that closes; freed by the last of the two. */
typedef struct Closing {
        nng_socket socket;
        int done_fd;
        atomic_uint n_users;
} Closing;

static Closing *closing_unref(Closing *closing) {
        if (closing && atomic_fetch_sub(&closing->n_users, 1) == 1) {
                fd_close(closing->done_fd);
                free(closing);
        }
        return NULL;
}

DEFINE_CLEANUP(Closing, closing_unref);

static void *closing_run(void *userdata) {
        _cleanup_(closing_unrefp) Closing *closing = userdata;

        nng_close(closing->socket);
        eventfd_write(closing->done_fd, 1);
        return NULL;
}

static int closing_start(Closing *closing) {
        pthread_t thread;

        atomic_fetch_add(&closing->n_users, 1);
        int r = pthread_create(&thread, NULL, closing_run, closing);
        if (r != 0) {
                atomic_fetch_sub(&closing->n_users, 1);
                return -r;
        }
        pthread_detach(thread);
        return 0;
}

/*
 * In nng 1.5.2, when a connection is closed between two steps of a transfer (the header of a message was read,
 * its body is asked for), the second step is never completed, and the close waits for it for ever, with all
 * later closes behind it. Who closes waits until his peer is gone, and does not meet that. When he could not,
 * this keeps the program from hanging: the socket is left to its fate.
 */
int socket_close(nng_socket socket) {
        _cleanup_(closing_unrefp) Closing *closing = calloc(1, sizeof(Closing));

        if (!closing)
                return -ENOMEM;
        closing->socket = socket;
        atomic_init(&closing->n_users, 1);
        closing->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (closing->done_fd < 0)
                return -errno;

        int r = closing_start(closing);
        if (r < 0)
                return r;

        struct pollfd fd = { .fd = closing->done_fd, .events = POLLIN };
        do
                r = poll(&fd, 1, CLOSE_PATIENCE_MSEC);
        while (r < 0 && errno == EINTR);
        return r == 1 ? 0 : -ETIMEDOUT;
}

/* ---- Using ---- */

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
