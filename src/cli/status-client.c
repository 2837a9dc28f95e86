/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/status-client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "coordinator/status-server.h"
#include "record/buffer.h"

/* A coordinator answers within a turn of its loop; a machine that tests keep busy may need longer. */
#define ANSWER_USEC (3 * USEC_PER_SEC)

/* A thousand slots take a third of a MiB. */
#define ANSWER_MAX ((size_t)16 * 1024 * 1024)

/* Of all that are looked at; what a user may put into /tmp has no end. */
#define SOCKETS_MAX 1024U

#define DIRECTORY_PREFIX "r-"
#define DIGITS           "0123456789"

void run_socket_done(RunSocket *socket) {
        free(socket->path);
        free(socket->id);
        *socket = (RunSocket){};
}

void run_sockets_done(RunSockets *sockets) {
        for (size_t i = 0; i < sockets->n; i++)
                run_socket_done(&sockets->items[i]);
        free(sockets->items);
        *sockets = (RunSockets){};
}

/* ---- Where they are ---- */

/* Takes the path. */
static int sockets_add(RunSockets *sockets, char *path, const char *id) {
        _cleanup_free_ char *own = path, *copy = strdup(id);
        struct stat st;

        if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode) || sockets->n >= SOCKETS_MAX)
                return 0;
        for (size_t i = 0; i < sockets->n; i++)
                if (strcmp(sockets->items[i].path, path) == 0)
                        return 0;
        if (!copy || array_fit(sockets->items, sockets->n + 1) < 0)
                return -ENOMEM;
        sockets->items[sockets->n++] = (RunSocket){ .path = TAKE_PTR(own), .id = TAKE_PTR(copy) };
        return 0;
}

/* below: also in directories in it, as services have one each */
static int sockets_add_base(RunSockets *sockets, const char *base, bool below) {
        DIR *d = opendir(base);
        int r = 0;

        if (!d)
                return 0;
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
                _cleanup_free_ char *path = NULL;
                bool is_run = text_starts_with(entry->d_name, DIRECTORY_PREFIX);

                if (entry->d_name[0] == '.' || (!is_run && !below))
                        continue;
                r = text_setf(&path,
                              is_run ? "%s/%s/" STATUS_SOCKET : "%s/%s",
                              base,
                              entry->d_name);
                if (r >= 0 && is_run)
                        r = sockets_add(sockets,
                                        TAKE_PTR(path),
                                        entry->d_name + strlen(DIRECTORY_PREFIX));
                else if (r >= 0)
                        r = sockets_add_base(sockets, path, false);
        }
        closedir(d);
        return r;
}

/* PARENT/PREFIX…REST, for each that there is. */
static int sockets_add_bases(
                RunSockets *sockets, const char *parent, const char *prefix, const char *rest) {
        DIR *d = opendir(parent);
        int r = 0;

        if (!d)
                return 0;
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
                _cleanup_free_ char *base = NULL;

                /* Both are called by the number of a user. */
                if (!text_starts_with(entry->d_name, prefix) ||
                    entry->d_name[strlen(prefix) + strspn(entry->d_name + strlen(prefix), DIGITS)])
                        continue;
                r = text_setf(&base, "%s/%s%s", parent, entry->d_name, rest);
                if (r >= 0)
                        r = sockets_add_base(sockets, base, true);
        }
        closedir(d);
        return r;
}

static int sockets_add_variable(RunSockets *sockets, const char *name, const char *below) {
        _cleanup_free_ char *base = NULL;
        const char *value = getenv(name);
        int r;

        if (!value || *value != '/')
                return 0;
        r = text_setf(&base, "%.*s%s", (int)strcspn(value, ":"), value, below);
        return r < 0 ? r : sockets_add_base(sockets, base, true);
}

int run_sockets_find(RunSockets *ret) {
        _cleanup_(run_sockets_done) RunSockets sockets = {};
        _cleanup_free_ char *own = NULL, *tmp = NULL;
        int r;

        r = sockets_add_variable(&sockets, "RUNTIME_DIRECTORY", "");
        if (r >= 0)
                r = sockets_add_variable(&sockets, "XDG_RUNTIME_DIR", "/ptest");
        if (r >= 0)
                r = sockets_add_base(&sockets, "/run/ptest", true);
        if (r >= 0 && geteuid() == 0) {
                r = sockets_add_bases(&sockets, "/run/user", "", "/ptest");
                if (r >= 0)
                        r = sockets_add_bases(&sockets, "/tmp", "ptest-", "");
        } else if (r >= 0) {
                r = text_setf(&own, "/run/user/%u/ptest", (unsigned)geteuid());
                if (r >= 0)
                        r = text_setf(&tmp, "/tmp/ptest-%u", (unsigned)geteuid());
                if (r >= 0)
                        r = sockets_add_base(&sockets, own, true);
                if (r >= 0)
                        r = sockets_add_base(&sockets, tmp, true);
        }
        if (r < 0)
                return r;
        *ret = sockets;
        sockets = (RunSockets){};
        return 0;
}

/* ---- Asking ---- */

static bool process_is_stopped(pid_t pid) {
        char state = 0;

        return pid > 0 && process_get_state(pid, &state) >= 0 && state == 'T';
}

/* Its coordinator holds a lock on the directory as long as it lives, also before it listens. */
static void socket_remove_dead(const char *path) {
        _cleanup_free_ char *directory = strndup(path, (size_t)(strrchr(path, '/') - path));
        _cleanup_close_ int fd = -1;

        if (!directory)
                return;
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) >= 0)
                (void)unlinkat(fd, STATUS_SOCKET, 0);
}

/* Where many ask at once, one waits for its turn to be let in. */
static int socket_connect(RunSocket *socket_at, int *ret) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct timeval patience = { .tv_sec = ANSWER_USEC / USEC_PER_SEC };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        if (strlen(socket_at->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, socket_at->path);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                int error = errno;

                if (error == ECONNREFUSED)
                        socket_remove_dead(socket_at->path);
                return error == EAGAIN || error == EINTR ? -ETIME : -error;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        /* In /tmp anybody may have put something that looks like ours. */
        if (geteuid() != 0 && peer.uid != geteuid() && peer.uid != 0)
                return -EPERM;
        socket_at->pid = peer.pid;
        socket_at->uid = peer.uid;
        *ret = TAKE_FD(fd);
        return 0;
}

static int socket_wait(int fd, short events, uint64_t end) {
        struct pollfd wait = { .fd = fd, .events = events };
        const uint64_t now = clock_machine();
        int r;

        if (now >= end)
                return -ETIME;
        r = poll(&wait, 1, (int)((end - now) / USEC_PER_MSEC) + 1);
        return r < 0 && errno != EINTR ? -errno : 0;
}

static int socket_read_all(int fd, uint64_t end, Buffer *answer) {
        for (;;) {
                char data[16384];
                ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
                int r;

                if (n == 0)
                        return 0;
                if (n > 0) {
                        buffer_add(answer, data, (size_t)n);
                        if (answer->size > ANSWER_MAX)
                                return -EFBIG;
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = socket_wait(fd, POLLIN, end);
                if (r < 0)
                        return r;
        }
}

static int socket_send(RunSocket *socket_at, const char *request, int *ret_fd) {
        _cleanup_free_ char *line = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = text_setf(&line, "%s\n", request);
        if (r < 0)
                return r;
        if (strlen(line) >= STATUS_REQUEST_MAX)
                return -E2BIG;
        r = socket_connect(socket_at, &fd);
        if (r < 0)
                return r;
        if (process_is_stopped(socket_at->pid))
                return -ETIME;
        /* It fits into the buffer of any socket. */
        if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
                return errno == EPIPE ? -ECONNRESET : -ETIME;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int socket_receive(int fd, uint64_t end, char **ret_data, size_t *ret_size) {
        _cleanup_buffer_ Buffer answer = {};
        size_t size;
        int r;

        r = socket_read_all(fd, end, &answer);
        if (r < 0)
                return r;
        size = answer.size;
        if (size == 0)
                return -ECONNRESET;
        *ret_data = buffer_take_string(&answer);
        if (!*ret_data)
                return -ENOMEM;
        *ret_size = size;
        return 0;
}

int run_socket_ask(RunSocket *socket_at, const char *request, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = -1;
        int r;

        r = socket_send(socket_at, request, &fd);
        if (r < 0)
                return r;
        /* From now on: it may have waited to be let in. */
        return socket_receive(fd, clock_machine() + ANSWER_USEC, ret_data, ret_size);
}

/* ---- Documents ---- */

const char *run_socket_explain(const RunSocket *socket, int error) {
        if (error == -ETIME)
                return process_is_stopped(socket->pid) ? "it is stopped" : "it does not answer";
        return strerror(-error);
}

static json_t *socket_describe(const RunSocket *socket) {
        _cleanup_free_ char *command = NULL;

        if (socket->pid > 0)
                (void)process_get_command(socket->pid, &command);
        return json_pack(
                        "{s:s,s:i,s:I,s:s*,s:s}",
                        "run_id",
                        socket->id,
                        "pid",
                        (int)socket->pid,
                        "uid",
                        (json_int_t)socket->uid,
                        "command",
                        command,
                        "state",
                        process_is_stopped(socket->pid) ? "stopped" : "silent");
}

/* r: of the sending. NULL: there is no run */
static json_t *socket_get_status(const RunSocket *socket, int r, int fd, uint64_t end) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        json_t *status;

        if (r >= 0)
                r = socket_receive(fd, end, &text, &size);
        if (r == -ETIME)
                return socket_describe(socket);
        status = r < 0 ? NULL : json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        if (status && !json_is_string(json_object_get(status, "run_id"))) {
                json_decref(status);
                status = NULL;
        }
        return status;
}

/* As far as it is known: who does not answer does not say what suite it runs. */
static bool status_is_wanted(const json_t *status, const char *only) {
        const char *id = json_string_value(json_object_get(status, "run_id"));
        const char *suite = json_string_value(json_object_get(status, "suite"));

        return !only || (suite && strcmp(suite, only) == 0) || text_starts_with(id, only) ||
                        (!suite && text_starts_with(only, id));
}

/* All are asked before the first answer is waited for: many that are stopped cost no more time than one. */
static int sockets_get_status(RunSockets *sockets, json_t **all) {
        _cleanup_free_ int *fds = calloc(sockets->n + 1, sizeof(int));
        _cleanup_free_ int *errors = calloc(sockets->n + 1, sizeof(int));
        uint64_t end;

        if (!fds || !errors)
                return -ENOMEM;
        for (size_t i = 0; i < sockets->n; i++) {
                fds[i] = -1;
                errors[i] = socket_send(&sockets->items[i], "status", &fds[i]);
        }
        end = clock_machine() + ANSWER_USEC;
        for (size_t i = 0; i < sockets->n; i++) {
                all[i] = socket_get_status(&sockets->items[i], errors[i], fds[i], end);
                fd_close(fds[i]);
        }
        return 0;
}

static void statuses_free(json_t **all, size_t n) {
        for (size_t i = 0; i < n; i++)
                json_decref(all[i]);
        free(all);
}

int status_collect(const char *only, json_t **ret) {
        _cleanup_(run_sockets_done) RunSockets sockets = {};
        json_t *chosen = json_array(), **all = NULL;
        int r;

        r = run_sockets_find(&sockets);
        all = calloc(sockets.n + 1, sizeof(*all));
        if (r >= 0)
                r = all && chosen ? sockets_get_status(&sockets, all) : -ENOMEM;
        for (size_t i = 0; i < sockets.n && r >= 0; i++)
                if (all[i] && status_is_wanted(all[i], only))
                        r = json_array_append(chosen, all[i]) < 0 ? -ENOMEM : 0;
        if (all)
                statuses_free(all, sockets.n);
        if (r < 0) {
                json_decref(chosen);
                return r;
        }
        *ret = chosen;
        return 0;
}

int run_socket_find(const char *id, RunSocket *ret) {
        _cleanup_(run_sockets_done) RunSockets sockets = {};
        int r;

        r = run_sockets_find(&sockets);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sockets.n; i++) {
                RunSocket *socket = &sockets.items[i];

                if (!text_starts_with(id, socket->id))
                        continue;
                *ret = *socket;
                *socket = (RunSocket){};
                return 0;
        }
        return -ENOENT;
}
