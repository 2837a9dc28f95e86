/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A worker's two ends in one
 *
 * A send returns when the message is in the kernel, and not as soon as nng has taken it: whatever then
 * happens to the worker, the message is received. That costs nothing: nng takes the next one no earlier.
 */

#include "wire/channel.h"
#include "wire/socket.h"

#include "basic/clock.h"
#include "basic/fd.h"

#include <errno.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/eventfd.h>

/* When hundreds of workers start at once, the listener's backlog (128 in nng) can be full for a moment. */
#define DIAL_TRIES      500
#define DIAL_PAUSE_USEC (10 * USEC_PER_MSEC)

struct ChannelWorker {
        nng_socket tasks, events;
        bool tasks_open, events_open;
        int receive_fd, send_fd; /* nng's */
        int broken_fd;           /* readable for ever once the connection for events has ended */
};

static void events_on_remove(nng_pipe pipe, nng_pipe_ev event, void *userdata) {
        ChannelWorker *worker = userdata;

        eventfd_write(worker->broken_fd, 1);
}

static int socket_dial(nng_socket socket, const char *url) {
        for (unsigned i = 0;; i++) {
                int r = socket_error(nng_dial(socket, url, NULL, 0));
                if (r != -EAGAIN || i == DIAL_TRIES)
                        return r;

                poll(NULL, 0, DIAL_PAUSE_USEC / USEC_PER_MSEC);
        }
}

static int tasks_open(ChannelWorker *worker, const char *url) {
        int r = socket_check_threads();
        if (r < 0)
                return r;
        r = nng_pull0_open(&worker->tasks);
        if (r != 0)
                return socket_error(r);
        worker->tasks_open = true;

        r = socket_configure(worker->tasks);
        if (r < 0)
                return r;
        r = nng_socket_get_int(worker->tasks, NNG_OPT_RECVFD, &worker->receive_fd);
        if (r != 0)
                return socket_error(r);
        return socket_dial(worker->tasks, url);
}

static int events_open(ChannelWorker *worker, const char *url) {
        int r = nng_push0_open(&worker->events);
        if (r != 0)
                return socket_error(r);
        worker->events_open = true;

        r = socket_configure(worker->events);
        if (r < 0)
                return r;
        r = nng_pipe_notify(worker->events, NNG_PIPE_EV_REM_POST, events_on_remove, worker);
        if (r != 0)
                return socket_error(r);
        r = nng_socket_get_int(worker->events, NNG_OPT_SENDFD, &worker->send_fd);
        if (r != 0)
                return socket_error(r);
        return socket_dial(worker->events, url);
}

int channel_worker_new(
                const char *directory, unsigned slot, unsigned generation, ChannelWorker **ret) {
        _cleanup_(channel_worker_freep) ChannelWorker *worker = NULL;
        char events_url[SOCKET_URL_MAX], tasks_url[SOCKET_URL_MAX];

        int r = socket_make_hub_url(directory, events_url);
        if (r < 0)
                return r;
        r = socket_make_outlet_url(directory, slot, generation, tasks_url);
        if (r < 0)
                return r;

        worker = calloc(1, sizeof(ChannelWorker));
        if (!worker)
                return -ENOMEM;
        worker->receive_fd = worker->send_fd = -1;
        worker->broken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->broken_fd < 0)
                return -errno;

        r = tasks_open(worker, tasks_url);
        if (r < 0)
                return r;
        r = events_open(worker, events_url);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(worker);
        return 0;
}

ChannelWorker *channel_worker_free(ChannelWorker *worker) {
        if (!worker)
                return NULL;

        int events = worker->events_open ? socket_close(worker->events) : 0;
        int tasks = worker->tasks_open ? socket_close(worker->tasks) : 0;
        if (events < 0 || tasks < 0)
                return NULL; /* nng's threads may still come here */
        fd_close(worker->broken_fd);
        free(worker);
        return NULL;
}

int channel_worker_get_fd(ChannelWorker *worker) {
        return worker->receive_fd;
}

int channel_worker_receive(ChannelWorker *worker, void **ret_data, size_t *ret_size) {
        nng_msg *message;

        int r = nng_recvmsg(worker->tasks, &message, NNG_FLAG_NONBLOCK);
        if (r != 0)
                return socket_error(r);

        r = socket_copy_message(message, ret_data, ret_size);
        nng_msg_free(message);
        return r;
}

/* Until nng would take a message, which also means that it has written the one before. */
static int worker_wait_writable(ChannelWorker *worker, uint64_t deadline) {
        for (;;) {
                struct pollfd fds[] = {
                        {.fd = worker->send_fd,    .events = POLLIN},
                        { .fd = worker->broken_fd, .events = POLLIN},
                };
                uint64_t now = clock_monotonic();
                uint64_t left = deadline > now ? deadline - now : 0;
                struct timespec timeout = {
                        .tv_sec = (time_t)(left / USEC_PER_SEC),
                        .tv_nsec = (long)(left % USEC_PER_SEC * 1000),
                };

                int n = ppoll(fds,
                              ELEMENTSOF(fds),
                              deadline == USEC_INFINITY ? NULL : &timeout,
                              NULL);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -ETIMEDOUT;
                if (n > 0 && fds[1].revents)
                        return -EPIPE;
                if (n > 0)
                        return 0;
        }
}

int channel_worker_send(
                ChannelWorker *worker, const void *data, size_t size, uint64_t timeout_usec) {
        uint64_t deadline = usec_add(clock_monotonic(), timeout_usec);

        for (;;) {
                int r = worker_wait_writable(worker, deadline);
                if (r < 0)
                        return r;
                r = socket_send(worker->events, data, size);
                if (r == 0)
                        return worker_wait_writable(worker, deadline);
                if (r != -EAGAIN)
                        return r;
        }
}
