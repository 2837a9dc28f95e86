/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/status-server.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <utlist.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/text.h"

/* At a time; when there is one more, the oldest goes. */
#define CLIENTS_MAX 16U

/* For all that a client does: it is on the same machine. */
#define CLIENT_USEC (5 * USEC_PER_SEC)

/* A document is given to all who ask within this time: asking all the time is not to slow down the run. */
#define FRESH_USEC (200 * USEC_PER_MSEC)

/* The run comes first. */
#define STATUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

typedef struct Client {
        StatusServer *server; /* weak */
        int fd;
        sd_event_source *io, *timer;
        char request[STATUS_REQUEST_MAX];
        size_t n_request;
        uint64_t look_id; /* it waits for that answer; 0: for none */
        uint64_t out_from, err_from;
        char *answer; /* NULL: not known yet */
        size_t size, sent;
        struct Client *prev, *next;
} Client;

struct StatusServer {
        sd_event *event;
        const StatusHandlers *handlers;
        void *userdata;
        sd_event_source *io;
        Client *clients; /* the oldest first */
        unsigned n_clients;
        char *document;
        uint64_t made_usec; /* the document, on the machine's clock */
};

/* ---- Clients ---- */

static Client *client_free(Client *client) {
        DL_DELETE(client->server->clients, client);
        client->server->n_clients--;
        sd_event_source_disable_unref(client->io);
        sd_event_source_disable_unref(client->timer);
        fd_close(client->fd);
        free(client->answer);
        free(client);
        return NULL;
}

/* It is over when all is sent, or nothing can be. */
static void client_write(Client *client) {
        while (client->sent < client->size) {
                ssize_t n = send(
                                client->fd,
                                client->answer + client->sent,
                                client->size - client->sent,
                                MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EAGAIN &&
                    sd_event_source_set_io_events(client->io, EPOLLOUT) >= 0)
                        return;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                client->sent += (size_t)n;
        }
        client_free(client);
}

/* Takes the answer; NULL: there is no memory for one. */
static void client_answer(Client *client, char *answer, size_t size) {
        client->answer = answer;
        client->size = answer ? size : 0;
        client_write(client);
}

static void client_refuse(Client *client, const char *why) {
        json_t *object = json_pack("{s:s}", "error", why);
        char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

        json_decref(object);
        client_answer(client, text, text ? strlen(text) : 0);
}

/* ---- Requests ---- */

static void client_ask(Client *client) {
        StatusServer *server = client->server;
        char *copy;
        int r = 0;

        if (!server->document || clock_machine() > server->made_usec + FRESH_USEC) {
                free(server->document);
                server->document = NULL;
                r = server->handlers->on_ask(&server->document, server->userdata);
                server->made_usec = clock_machine();
        }
        if (r < 0) {
                client_refuse(client, strerror(-r));
                return;
        }
        copy = strdup(server->document);
        client_answer(client, copy, copy ? strlen(copy) : 0);
}

/* A number and a blank; what is behind them, or NULL. No more than the worker takes. */
static const char *take_number(const char *words, uint64_t *ret) {
        size_t n = words ? strspn(words, "0123456789") : 0;

        if (n == 0 || n > 18 || words[n] != ' ')
                return NULL;
        *ret = strtoull(words, NULL, 10);
        return words + n + 1;
}

static void client_look(Client *client, const char *words) {
        StatusServer *server = client->server;
        StatusLook look = {};
        int r;

        look.address = take_number(take_number(words, &look.out_from), &look.err_from);
        if (!look.address) {
                client_refuse(client, "not a request");
                return;
        }
        client->out_from = look.out_from;
        client->err_from = look.err_from;
        r = server->handlers->on_look(&look, server->userdata, &client->look_id);
        if (r == -ENOENT)
                client_refuse(client, "not running");
        else if (r < 0)
                client_refuse(client, strerror(-r));
}

static void client_on_request(Client *client) {
        if (strcmp(client->request, "status") == 0)
                client_ask(client);
        else if (text_starts_with(client->request, "log "))
                client_look(client, client->request + strlen("log "));
        else
                client_refuse(client, "not a request");
}

/* Bytes behind the first line are nobody's business, and neither is a NUL in it. */
static void client_read(Client *client) {
        ssize_t n = recv(
                        client->fd,
                        client->request + client->n_request,
                        sizeof(client->request) - client->n_request,
                        MSG_DONTWAIT);
        char *end;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        /* Also the end of who waits for a look: it does not want it any more. */
        if (n <= 0 || client->look_id != 0) {
                client_free(client);
                return;
        }
        client->n_request += (size_t)n;
        end = memchr(client->request, '\n', client->n_request);
        if (end) {
                *end = 0;
                client_on_request(client);
        } else if (client->n_request == sizeof(client->request))
                client_free(client);
}

static int client_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Client *client = userdata;

        if (client->answer)
                client_write(client);
        else
                client_read(client);
        return 0;
}

static int client_on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        client_free(userdata);
        return 0;
}

/* ---- The server ---- */

static bool peer_is_welcome(int fd) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) >= 0 &&
                        (peer.uid == 0 || peer.uid == geteuid());
}

static int client_watch(Client *client) {
        StatusServer *server = client->server;
        int r;

        r = sd_event_add_io(server->event, &client->io, client->fd, EPOLLIN, client_on_io, client);
        if (r >= 0)
                r = sd_event_source_set_priority(client->io, STATUS_PRIORITY);
        if (r >= 0)
                r = sd_event_add_time_relative(
                                server->event,
                                &client->timer,
                                CLOCK_MONOTONIC,
                                CLIENT_USEC,
                                0,
                                client_on_time,
                                client);
        return r;
}

/* Takes the fd. */
static void server_add_client(StatusServer *server, int fd) {
        Client *client = peer_is_welcome(fd) ? calloc(1, sizeof(*client)) : NULL;

        if (!client) {
                fd_close(fd);
                return;
        }
        if (server->n_clients == CLIENTS_MAX)
                client_free(server->clients);
        client->server = server;
        client->fd = fd;
        DL_APPEND(server->clients, client);
        server->n_clients++;
        if (client_watch(client) < 0)
                client_free(client);
}

static int server_on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        /* One at a time: what else happens in the run comes between. */
        if (client >= 0)
                server_add_client(userdata, client);
        else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                log_warning("Cannot answer who asks for the status: %s", strerror(errno));
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        }
        return 0;
}

/* The mode of the socket is that of the file that it gets: others cannot even connect. */
static int socket_listen(const char *directory, int *ret) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int n;

        if (fd < 0)
                return -errno;
        n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" STATUS_SOCKET, directory);
        if (n < 0 || (size_t)n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        if (fchmod(fd, 0600) < 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, (int)CLIENTS_MAX) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

int status_server_new(
                sd_event *event,
                const char *directory,
                const StatusHandlers *handlers,
                void *userdata,
                StatusServer **ret) {
        _cleanup_(status_server_freep) StatusServer *server = calloc(1, sizeof(*server));
        _cleanup_close_ int fd = -1;
        int r;

        if (!server)
                return -ENOMEM;
        server->event = event;
        server->handlers = handlers;
        server->userdata = userdata;
        r = socket_listen(directory, &fd);
        if (r >= 0)
                r = sd_event_add_io(event, &server->io, fd, EPOLLIN, server_on_connection, server);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(server->io, true);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        (void)sd_event_source_set_description(server->io, "status");
        r = sd_event_source_set_priority(server->io, STATUS_PRIORITY);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(server);
        return 0;
}

StatusServer *status_server_free(StatusServer *server) {
        if (!server)
                return NULL;
        while (server->clients)
                client_free(server->clients);
        sd_event_source_disable_unref(server->io);
        free(server->document);
        free(server);
        return NULL;
}

/* ---- Looks ---- */

static json_t *stream_to_json(const PeekStream *stream) {
        return json_pack(
                        "{s:I,s:I,s:I,s:I}",
                        "from",
                        (json_int_t)stream->from,
                        "total",
                        (json_int_t)stream->total,
                        "head",
                        (json_int_t)stream->head,
                        "size",
                        (json_int_t)stream->size);
}

/* The line, and the bytes of both streams. */
static char *peeked_to_answer(const Message *message, size_t *ret_size) {
        const PeekStream *out = &message->peek.out, *err = &message->peek.err;
        json_t *head = json_pack(
                        "{s:o,s:o}", "stdout", stream_to_json(out), "stderr", stream_to_json(err));
        _cleanup_free_ char *line = head ? json_dumps(head, JSON_COMPACT) : NULL;
        size_t n = line ? strlen(line) : 0;
        char *answer = line ? malloc(n + 1 + out->size + err->size) : NULL;

        json_decref(head);
        if (!answer)
                return NULL;
        memcpy(answer, line, n);
        answer[n++] = '\n';
        if (out->size > 0)
                memcpy(answer + n, out->data, out->size);
        n += out->size;
        if (err->size > 0)
                memcpy(answer + n, err->data, err->size);
        *ret_size = n + err->size;
        return answer;
}

static bool from_fits(uint64_t asked, const PeekStream *stream) {
        return MIN(asked, stream->total) == stream->from;
}

void status_server_on_peeked(StatusServer *server, const Message *message) {
        Client *client, *next;

        DL_FOREACH_SAFE(server->clients, client, next) {
                size_t size = 0;
                char *answer;

                if (client->answer || client->look_id != message->peek.id)
                        continue;
                if (!message->peek.runs) {
                        client_refuse(client, "not running");
                        continue;
                }
                if (!from_fits(client->out_from, &message->peek.out) ||
                    !from_fits(client->err_from, &message->peek.err))
                        continue;
                answer = peeked_to_answer(message, &size);
                client_answer(client, answer, size);
        }
}
