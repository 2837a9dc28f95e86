/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The built ptest-worker, with a test as its coordinator: real sockets, real fds
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "wire/channel.h"
#include "wire/message.h"
#include "worker/status.h"

/* Loaded machines are slow; no test waits for this unless it fails. */
#define PATIENCE_USEC (200 * USEC_PER_SEC)

/* Above those that the worker inherits. */
#define FD_FIRST_FREE 20

static struct {
        char directory[64];
        ChannelHub *hub;
        ChannelOutlet *outlet;
        pid_t pid;
        int gate_fd, spill_fd, stderr_fd;
        PtestPage *page;
        ChannelPacket packet; /* that messages are taken from */
        size_t offset;
} peer;

static inline int fd_lift(int fd) {
        int lifted = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST_FREE);

        ck_assert_int_ge(lifted, FD_FIRST_FREE);
        close(fd);
        return lifted;
}

static inline int memfd_new(const char *name, off_t size) {
        int fd = memfd_create(name, MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        return fd_lift(fd);
}

/* Beside us in the build directory. */
static inline char *worker_find(void) {
        char own[4096], *path = NULL;
        ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

        ck_assert_int_gt(n, 0);
        own[n] = 0;
        *strrchr(own, '/') = 0;
        ck_assert_int_ge(asprintf(&path, "%s/../../src/worker/ptest-worker", own), 0);
        ck_assert_msg(access(path, X_OK) == 0, "%s is not built", path);
        return path;
}

static inline void worker_spawn_with(const char *user, bool with_fds, const char *const *options) {
        _cleanup_free_ char *path = worker_find(), *directory = NULL, *user_option = NULL;
        int gate[2], page_fd = memfd_new("page", 4096), error_fd = memfd_new("stderr", 0);
        char *argv[16] = { path, NULL, (char *)"--slot=1", (char *)"--generation=7" };
        size_t n = 4;
        posix_spawn_file_actions_t actions;

        ck_assert_int_ge(asprintf(&directory, "--directory=%s", peer.directory), 0);
        argv[1] = directory;
        if (user) {
                ck_assert_int_ge(asprintf(&user_option, "--user=%s", user), 0);
                argv[n++] = user_option;
        }
        for (; options && *options; options++)
                argv[n++] = (char *)*options;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate), 0);
        gate[0] = fd_lift(gate[0]);
        gate[1] = fd_lift(gate[1]);
        peer.gate_fd = gate[0];
        peer.spill_fd = memfd_new("spill", 0);
        peer.stderr_fd = error_fd;
        peer.page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, page_fd, 0);
        ck_assert(peer.page != MAP_FAILED);

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
        if (with_fds) {
                posix_spawn_file_actions_adddup2(&actions, gate[1], PTEST_GATE_FD);
                posix_spawn_file_actions_adddup2(&actions, page_fd, PTEST_PAGE_FD);
                posix_spawn_file_actions_adddup2(&actions, peer.spill_fd, PTEST_SPILL_FD);
        }
        ck_assert_int_eq(posix_spawn(&peer.pid, path, &actions, NULL, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(gate[1]);
        close(page_fd);
        channel_outlet_set_peer(peer.outlet, peer.pid, getuid());
}

static inline void worker_spawn(const char *user, bool with_fds) {
        worker_spawn_with(user, with_fds, NULL);
}

static inline void gate_open(void) {
        ck_assert_int_eq(write(peer.gate_fd, "", 1), 1);
}

static inline int worker_wait(void) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;
        int status;

        while (waitpid(peer.pid, &status, WNOHANG) == 0) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
        peer.pid = 0;
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static inline void send_data(const void *data, size_t size) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;

        while (channel_outlet_send(peer.outlet, data, size) == -EAGAIN) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
}

static inline void send_message(const Message *message) {
        _cleanup_free_ void *data = NULL;
        size_t size;

        ck_assert_int_eq(message_pack(message, &data, &size), 0);
        send_data(data, size);
}

/* NULL: nothing comes any more, as its end says. */
static inline Message *receive_any(void) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;
        Message *message = NULL;
        int r;

        for (;;) {
                if (peer.packet.data) {
                        r = message_unpack_next(
                                        peer.packet.data, peer.packet.size, &peer.offset, &message);
                        if (r == 0)
                                return message;
                        ck_assert_int_eq(r, -EAGAIN);
                        free(peer.packet.data);
                        peer.packet = (ChannelPacket){};
                }
                r = channel_hub_receive(peer.hub, &peer.packet);
                if (r == -EAGAIN) {
                        struct pollfd fds[] = {
                                {.fd = channel_hub_get_fd(peer.hub),         .events = POLLIN},
                                { .fd = channel_hub_get_closed_fd(peer.hub), .events = POLLIN},
                        };
                        uint32_t pipe;
                        pid_t pid;

                        ck_assert_uint_lt(clock_monotonic(), end);
                        poll(fds, 2, 100);
                        if (!fds[0].revents && channel_hub_next_closed(peer.hub, &pipe, &pid) == 0)
                                return NULL;
                        continue;
                }
                ck_assert_int_eq(r, 0);
                ck_assert_int_eq(peer.packet.pid, peer.pid);
                peer.offset = 0;
        }
}

static inline Message *receive_message(MessageKind kind) {
        Message *message = receive_any();

        char text[1024] = {};

        if (!message)
                (void)!pread(peer.stderr_fd, text, sizeof(text) - 1, 0);
        ck_assert_msg(message != NULL,
                      "the worker is gone instead of saying %s: %s",
                      message_kind_to_string(kind),
                      text);
        ck_assert_str_eq(message_kind_to_string(message->kind), message_kind_to_string(kind));
        return message;
}

/* Ids count from first_id; scripts of sh, up to NULL. */
static inline void send_scripts(uint64_t first_id, const char *const *scripts) {
        for (; *scripts; scripts++, first_id++) {
                _cleanup_(test_freep) Test *test = NULL;
                Task task = { .id = first_id, .attempt = 1 };
                Message message = {
                        .kind = MESSAGE_TASKS, .tasks = {.items = &task, .n_items = 1}
                };

                ck_assert_int_eq(test_new("an/address", &test), 0);
                ck_assert_int_eq(strv_extend(&test->argv, "/bin/sh"), 0);
                ck_assert_int_eq(strv_extend(&test->argv, "-c"), 0);
                ck_assert_int_eq(strv_extend(&test->argv, *scripts), 0);
                task.test = test;
                send_message(&message);
        }
}

static inline void assert_finished(uint64_t id, Outcome outcome) {
        _cleanup_(message_freep) Message *message = receive_message(MESSAGE_FINISHED);

        ck_assert_uint_eq(message->finished.id, id);
        ck_assert_str_eq(
                        outcome_to_string(message->finished.result->outcome),
                        outcome_to_string(outcome));
}

static inline void assert_good_bye(void) {
        _cleanup_(message_freep) Message *bye = receive_message(MESSAGE_BYE);

        send_message(&(Message){ .kind = MESSAGE_STOP, .stop = { .now = true } });
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_GOOD);
        ck_assert_int_eq(lseek(peer.stderr_fd, 0, SEEK_END), 0);
}

static inline void worker_start_with(const char *const *options) {
        _cleanup_(message_freep) Message *hello = NULL;

        worker_spawn_with(NULL, true, options);
        gate_open();
        hello = receive_message(MESSAGE_HELLO);
        ck_assert_uint_eq(hello->hello.version, PTEST_PROTOCOL_VERSION);
        ck_assert_uint_eq(hello->hello.slot, 1);
        ck_assert_uint_eq(hello->hello.generation, 7);
        ck_assert_int_eq(hello->hello.pid, peer.pid);
}

static inline void worker_start(void) {
        worker_start_with(NULL);
}

/* Until all that was sent before has been taken: for what has no answer of its own. */
static inline void settle(void) {
        uint64_t unknown = UINT64_MAX;
        const Message nothing = {
                .kind = MESSAGE_CANCEL, .cancel = {.ids = &unknown, .n_ids = 1}
        };
        _cleanup_(message_freep) Message *cancelled = NULL;

        send_message(&nothing);
        cancelled = receive_message(MESSAGE_CANCELLED);
        ck_assert_uint_eq(cancelled->cancel.n_ids, 0);
}

/* What waits until $GO is there goes on. */
static inline void let_go(void) {
        const int fd = open(getenv("GO"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        close(fd);
}

/* Until the test with this id runs; its process. */
static inline pid_t page_wait(uint64_t id) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;

        while (__atomic_load_n(&peer.page->task_id, __ATOMIC_ACQUIRE) != id ||
               __atomic_load_n(&peer.page->leader_pid, __ATOMIC_ACQUIRE) == 0) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
        return (pid_t)__atomic_load_n(&peer.page->leader_pid, __ATOMIC_ACQUIRE);
}

static inline void assert_gone(pid_t pid) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;
        char state;

        /* Reaped by its worker, or by init after it, when that has the time. */
        while (process_get_state(pid, &state) >= 0 && state != 'Z') {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
}

static inline void peer_set_up(void) {
        _cleanup_free_ char *files = NULL;
        sigset_t all;

        /* nng's threads shall inherit it. */
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);

        strcpy(peer.directory, "/tmp/ptest-worker-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(peer.directory));
        ck_assert_int_ge(asprintf(&files, "%s/%s", peer.directory, PTEST_FILES_DIRECTORY), 0);
        ck_assert_int_eq(mkdir(files, 0700), 0);
        free(TAKE_PTR(files));
        ck_assert_int_ge(asprintf(&files, "%s/go", peer.directory), 0);
        ck_assert_int_eq(setenv("GO", files, 1), 0);
        ck_assert_int_eq(channel_hub_new(peer.directory, &peer.hub), 0);
        ck_assert_int_eq(channel_outlet_new(peer.directory, 1, 7, 0, getuid(), &peer.outlet), 0);
}

static inline void peer_tear_down(void) {
        if (peer.pid > 0) {
                kill(peer.pid, SIGKILL);
                waitpid(peer.pid, NULL, 0);
        }
        free(peer.packet.data);
        peer.packet = (ChannelPacket){};
        peer.outlet = channel_outlet_free(peer.outlet);
        peer.hub = channel_hub_free(peer.hub);
        ck_assert_int_eq(dir_remove(peer.directory), 0);
}
