/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Channels, between real processes
 *
 * nng aborts after a fork without exec. So the peers are this program again, executed with the name of a role,
 * and no test is run in a fork (CK_NOFORK): with a fork, Check's own would be one.
 */

#include "wire/channel.h"

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "ptest/protocol.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nng/nng.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing here takes that long; a test that would hang fails with this. */
#define PATIENCE_USEC (200 * USEC_PER_SEC)

#define BURST       10000U
#define BURST_SHORT 500U

extern char **environ;

static char directory[] = "/tmp/ptest-channel-XXXXXX";
static char program
                [PATH_MAX]; /* by its name, since /proc/self/exe is another program under valgrind */

/* ---- The roles of peers ---- */

static ChannelWorker *role_connect(const char *dir, unsigned slot) {
        ChannelWorker *worker = NULL;

        if (channel_worker_new(dir, slot, 1, &worker) < 0)
                _exit(80);
        return worker;
}

static void role_receive(ChannelWorker *worker, void **ret_data, size_t *ret_size) {
        for (;;) {
                struct pollfd fd = { .fd = channel_worker_get_fd(worker), .events = POLLIN };
                int r = channel_worker_receive(worker, ret_data, ret_size);

                if (r == 0)
                        return;
                if (r != -EAGAIN || poll(&fd, 1, (int)(PATIENCE_USEC / USEC_PER_MSEC)) <= 0)
                        _exit(81);
        }
}

/* Gives back what it gets until it gets "end". */
static int role_echo(const char *dir, unsigned slot) {
        ChannelWorker *worker = role_connect(dir, slot);

        if (channel_worker_send(worker, "hello", 5, PATIENCE_USEC) < 0)
                return 82;
        for (;;) {
                _cleanup_free_ void *data = NULL;
                size_t size;

                role_receive(worker, &data, &size);
                if (channel_worker_send(worker, data, size, PATIENCE_USEC) < 0)
                        return 83;
                if (size == 3 && memcmp(data, "end", 3) == 0)
                        break;
        }
        channel_worker_free(worker);
        return 0;
}

/* Many small messages and the end, with nothing between. */
static int burst(const char *dir, unsigned slot, uint32_t n_messages) {
        ChannelWorker *worker = role_connect(dir, slot);

        for (uint32_t i = 0; i < n_messages; i++)
                if (channel_worker_send(worker, &i, sizeof(i), PATIENCE_USEC) < 0)
                        _exit(84);
        _exit(0);
}

static int role_burst(const char *dir, unsigned slot) {
        return burst(dir, slot, BURST);
}

static int role_burst_short(const char *dir, unsigned slot) {
        return burst(dir, slot, BURST_SHORT);
}

/* One message as large as may be, and death. */
static int role_last_words(const char *dir, unsigned slot) {
        ChannelWorker *worker = role_connect(dir, slot);
        static char data[PTEST_MESSAGE_SIZE_MAX];

        memset(data, 'x', sizeof(data));
        if (channel_worker_send(worker, data, sizeof(data), PATIENCE_USEC) < 0)
                _exit(85);
        kill(getpid(), SIGKILL);
        return 86;
}

/* Connects and never receives. */
static int role_deaf(const char *dir, unsigned slot) {
        ChannelWorker *worker = role_connect(dir, slot);

        if (channel_worker_send(worker, "hello", 5, PATIENCE_USEC) < 0)
                return 82;
        pause();
        return 0;
}

/* Connects to the outlet and says which message came, or that none did while its connection was refused. */
static int role_intruder(const char *dir, unsigned slot) {
        ChannelWorker *worker = role_connect(dir, slot);
        struct pollfd fd = { .fd = channel_worker_get_fd(worker), .events = POLLIN };

        if (channel_worker_send(worker, "hello", 5, PATIENCE_USEC) < 0)
                return 82;
        return poll(&fd, 1, 500) == 0 ? 0 : 87;
}

/* Sends for ever. */
static int role_flood(const char *dir, unsigned slot) {
        ChannelWorker *worker = role_connect(dir, slot);

        for (;;)
                if (channel_worker_send(worker, "hello", 5, PATIENCE_USEC) < 0)
                        return 88;
}

/* Sends again after the hub has gone. */
static int role_orphan(const char *dir, unsigned slot) {
        sigset_t set;
        int signo;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        ChannelWorker *worker = role_connect(dir, slot);
        /* Once the hub has it, it may be gone before we are told that it has. */
        const int r = channel_worker_send(worker, "hello", 5, PATIENCE_USEC);
        if (r < 0 && r != -EPIPE)
                return 82;
        sigwait(&set, &signo);
        return channel_worker_send(worker, "hello", 5, PATIENCE_USEC) == -EPIPE ? 0 : 92;
}

static int role_run(const char *role, const char *dir, unsigned slot) {
        static const struct {
                const char *name;
                int (*run)(const char *dir, unsigned slot);
        } roles[] = {
                {"echo",         role_echo       },
                { "burst",       role_burst      },
                { "burst-short", role_burst_short},
                { "last-words",  role_last_words },
                { "deaf",        role_deaf       },
                { "intruder",    role_intruder   },
                { "flood",       role_flood      },
                { "orphan",      role_orphan     },
        };

        for (size_t i = 0; i < ELEMENTSOF(roles); i++)
                if (strcmp(role, roles[i].name) == 0)
                        return roles[i].run(dir, slot);
        return 89;
}

/* ---- Helpers ---- */

/* A peer that waits for its outlet to know its pid: it is held on a pipe, as a worker is on its gate. */
typedef struct Peer {
        pid_t pid;
        int gate;
} Peer;

static Peer peer_start(const char *role, unsigned slot) {
        char number[16];
        char *argv[] = { (char *)"test-wire-channel", (char *)role, directory, number, NULL };
        int gate[2];
        Peer peer;
        posix_spawn_file_actions_t actions;

        snprintf(number, sizeof(number), "%u", slot);
        ck_assert_int_eq(pipe2(gate, O_CLOEXEC), 0);
        ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
        ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, gate[0], STDIN_FILENO), 0);
        ck_assert_int_eq(posix_spawn(&peer.pid, program, &actions, NULL, argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(gate[0]);
        peer.gate = gate[1];
        return peer;
}

static void peer_release(Peer *peer) {
        peer->gate = fd_close(peer->gate);
}

static int peer_wait(const Peer *peer) {
        int status;

        ck_assert_int_eq(waitpid(peer->pid, &status, 0), peer->pid);
        return status;
}

static void wait_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        ck_assert_int_eq(poll(&p, 1, (int)(PATIENCE_USEC / USEC_PER_MSEC)), 1);
}

static bool is_readable(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

static void assert_next_packet(ChannelHub *hub, const char *text, ChannelPacket *ret) {
        ChannelPacket packet;
        int r;

        while ((r = channel_hub_receive(hub, &packet)) == -EAGAIN)
                wait_readable(channel_hub_get_fd(hub));
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(packet.size, strlen(text));
        ck_assert_mem_eq(packet.data, text, packet.size);
        free(TAKE_PTR(packet.data));
        if (ret)
                *ret = packet;
}

static void assert_next_closed(ChannelHub *hub, uint32_t *ret_pipe, pid_t *ret_pid) {
        int r;

        while ((r = channel_hub_next_closed(hub, ret_pipe, ret_pid)) == -EAGAIN)
                wait_readable(channel_hub_get_closed_fd(hub));
        ck_assert_int_eq(r, 0);
}

static void assert_send(ChannelOutlet *outlet, const void *data, size_t size) {
        int r;

        while ((r = channel_outlet_send(outlet, data, size)) == -EAGAIN)
                wait_readable(channel_outlet_get_fd(outlet));
        ck_assert_int_eq(r, 0);
}

/* ---- Tests ---- */

START_TEST(channel_messages_go_both_ways)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;
        ChannelPacket packet;
        uint32_t pipe;
        pid_t pid;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        Peer peer = peer_start("echo", 1);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet), 0);
        peer_release(&peer);

        assert_next_packet(hub, "hello", &packet);
        ck_assert_int_eq(packet.pid, peer.pid);
        ck_assert_uint_eq(packet.uid, getuid());
        assert_send(outlet, "one", 3);
        assert_next_packet(hub, "one", NULL);
        assert_send(outlet, "two", 3);
        assert_send(outlet, "end", 3);
        assert_next_packet(hub, "two", NULL);
        assert_next_packet(hub, "end", NULL);

        assert_next_closed(hub, &pipe, &pid);
        ck_assert_uint_eq(pipe, packet.pipe);
        ck_assert_int_eq(pid, peer.pid);
        ck_assert_int_eq(channel_hub_next_closed(hub, &pipe, &pid), -EAGAIN);
        ck_assert(!is_readable(channel_hub_get_closed_fd(hub)));
        ck_assert(!is_readable(channel_hub_get_fd(hub)));
        ck_assert_int_eq(peer_wait(&peer), 0);
}
END_TEST

START_TEST(channel_sockets_are_private_and_removed)
{
        char path[sizeof(directory) + 8];
        struct stat st;
        ChannelHub *hub = NULL;
        ChannelOutlet *outlet = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        ck_assert_int_eq(channel_outlet_new(directory, 12, 34, 0, 0, &outlet), 0);
        snprintf(path, sizeof(path), "%s/e", directory);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert(S_ISSOCK(st.st_mode));
        ck_assert_uint_eq(st.st_mode & 0777, 0666);
        hub = channel_hub_free(hub);
        ck_assert_int_eq(stat(path, &st), -1);

        snprintf(path, sizeof(path), "%s/w12g34", directory);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0666);
        outlet = channel_outlet_free(outlet);
        ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

START_TEST(channel_directory_too_long_is_refused)
{
        char path[200];
        ChannelHub *hub = NULL;
        ChannelOutlet *outlet = NULL;
        ChannelWorker *worker = NULL;

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = 0;
        ck_assert_int_eq(channel_hub_new(path, &hub), -ENAMETOOLONG);
        ck_assert_int_eq(channel_outlet_new(path, 1, 1, 1, 0, &outlet), -ENAMETOOLONG);
        ck_assert_int_eq(channel_worker_new(path, 1, 1, &worker), -ENAMETOOLONG);

        /* One that fits for nng, but for which there is no room once slots have two digits */
        path[100] = 0;
        ck_assert_int_eq(channel_hub_new(path, &hub), -ENAMETOOLONG);
        path[90] = 0;
        ck_assert_int_ne(channel_hub_new(path, &hub), -ENAMETOOLONG);
        ck_assert_ptr_null(hub);
}
END_TEST

START_TEST(channel_worker_without_sockets_is_refused)
{
        ChannelWorker *worker = NULL;

        ck_assert_int_lt(channel_worker_new(directory, 1, 1, &worker), 0);
        ck_assert_ptr_null(worker);
}
END_TEST

static void assert_peer_is_refused(pid_t pid, uid_t uid, Peer *peer) {
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, pid, uid, &outlet), 0);
        peer_release(peer);
        assert_next_packet(hub, "hello", NULL);
        ck_assert(!is_readable(channel_outlet_get_fd(outlet)));
        ck_assert_int_eq(channel_outlet_send(outlet, "secret", 6), -EAGAIN);
        ck_assert_int_eq(peer_wait(peer), 0);
}

START_TEST(channel_outlet_refuses_another_process)
{
        Peer peer = peer_start("intruder", 1);

        assert_peer_is_refused(getpid(), getuid(), &peer);
}
END_TEST

START_TEST(channel_outlet_refuses_another_user)
{
        Peer peer = peer_start("intruder", 1);

        assert_peer_is_refused(peer.pid, getuid() + 1, &peer);
}
END_TEST

START_TEST(channel_outlet_without_peer_refuses_everybody)
{
        Peer peer = peer_start("intruder", 1);

        assert_peer_is_refused(0, getuid(), &peer);
}
END_TEST

START_TEST(channel_outlet_takes_peer_that_is_set_later)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, 0, 0, &outlet), 0);
        Peer peer = peer_start("echo", 1);
        channel_outlet_set_peer(outlet, peer.pid, getuid());
        peer_release(&peer);
        assert_next_packet(hub, "hello", NULL);
        assert_send(outlet, "end", 3);
        assert_next_packet(hub, "end", NULL);
        ck_assert_int_eq(peer_wait(&peer), 0);
}
END_TEST

START_TEST(channel_outlet_gives_eagain_while_peer_does_not_take)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;
        static char data[PTEST_MESSAGE_SIZE_MAX];
        unsigned sent = 0;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        Peer peer = peer_start("deaf", 1);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet), 0);
        ck_assert_int_eq(channel_outlet_send(outlet, "early", 5), -EAGAIN);
        peer_release(&peer);
        assert_next_packet(hub, "hello", NULL);
        ck_assert_int_eq(channel_outlet_send(outlet, data, sizeof(data) + 1), -EMSGSIZE);

        /* Until it has been full for half a second; the kernel holds 200 kB or so. */
        for (;;) {
                struct pollfd fd = { .fd = channel_outlet_get_fd(outlet), .events = POLLIN };
                int r = channel_outlet_send(outlet, data, sizeof(data));

                if (r == 0)
                        sent++;
                else
                        ck_assert_int_eq(r, -EAGAIN);
                ck_assert_uint_lt(sent, 100);
                if (r == 0)
                        continue;
                /* The first goes as soon as the peer has connected, whenever that is. */
                if (poll(&fd, 1, sent > 0 ? 500 : (int)(PATIENCE_USEC / USEC_PER_MSEC)) == 0)
                        break;
        }
        ck_assert_uint_ge(sent, 1);

        /* Freed with a message half written, and the peer stopped: it must not wait for anybody. */
        kill(peer.pid, SIGSTOP);
        uint64_t begun = clock_monotonic();
        outlet = channel_outlet_free(outlet);
        ck_assert_uint_lt(clock_monotonic() - begun, PATIENCE_USEC / 2);
        kill(peer.pid, SIGKILL);
        ck_assert(WIFSIGNALED(peer_wait(&peer)));
}
END_TEST

static void assert_burst(ChannelHub *hub, unsigned n_peers, uint32_t n_messages) {
        uint32_t next[50] = {}, pipes[50] = {};
        unsigned n_closed = 0;

        while (n_closed < n_peers) {
                ChannelPacket packet;
                uint32_t pipe;
                pid_t pid;

                /* Told first and received after, as the header has it */
                int closed = channel_hub_next_closed(hub, &pipe, &pid);
                while (channel_hub_receive(hub, &packet) == 0) {
                        uint32_t value;
                        unsigned i = 0;

                        while (pipes[i] != 0 && pipes[i] != packet.pipe)
                                i++;
                        ck_assert_uint_lt(i, n_peers);
                        pipes[i] = packet.pipe;
                        ck_assert_uint_eq(packet.size, sizeof(value));
                        memcpy(&value, packet.data, sizeof(value));
                        free(packet.data);
                        ck_assert_uint_eq(value, next[i]++);
                }
                if (closed == 0) {
                        unsigned i = 0;

                        while (i < n_peers && pipes[i] != pipe)
                                i++;
                        ck_assert_uint_lt(i, n_peers);
                        ck_assert_uint_eq(next[i], n_messages);
                        n_closed++;
                        continue;
                }
                struct pollfd fds[] = {
                        {.fd = channel_hub_get_fd(hub),         .events = POLLIN},
                        { .fd = channel_hub_get_closed_fd(hub), .events = POLLIN},
                };
                ck_assert_int_gt(poll(fds, 2, (int)(PATIENCE_USEC / USEC_PER_MSEC)), 0);
        }
}

START_TEST(channel_burst_before_exit_is_received_to_its_end)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        Peer peer = peer_start("burst", 1);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet), 0);
        peer_release(&peer);
        assert_burst(hub, 1, BURST);
        ck_assert_int_eq(peer_wait(&peer), 0);
}
END_TEST

START_TEST(channel_largest_message_survives_kill)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        for (unsigned i = 0; i < 20; i++) {
                _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;
                ChannelPacket packet = {};
                uint32_t pipe;
                pid_t pid;
                int r;

                Peer peer = peer_start("last-words", 1);
                ck_assert_int_eq(
                                channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet),
                                0);
                peer_release(&peer);
                ck_assert_int_eq(peer_wait(&peer), SIGKILL);

                while ((r = channel_hub_receive(hub, &packet)) == -EAGAIN)
                        wait_readable(channel_hub_get_fd(hub));
                ck_assert_int_eq(r, 0);
                ck_assert_uint_eq(packet.size, PTEST_MESSAGE_SIZE_MAX);
                free(packet.data);
                assert_next_closed(hub, &pipe, &pid);
                ck_assert_uint_eq(pipe, packet.pipe);
        }
}
END_TEST

START_TEST(channel_dropped_connection_is_told_once_and_silent)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        ChannelPacket packet, other;
        uint32_t pipe;
        pid_t pid;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        for (unsigned i = 0; i < 30; i++) {
                _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;

                Peer peer = peer_start("flood", 1);
                ck_assert_int_eq(
                                channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet),
                                0);
                peer_release(&peer);
                assert_next_packet(hub, "hello", &packet);
                channel_hub_drop(hub, packet.pipe);
                channel_hub_drop(hub, packet.pipe);
                assert_next_closed(hub, &pipe, &pid);
                ck_assert_uint_eq(pipe, packet.pipe);
                ck_assert_int_eq(pid, peer.pid);
                channel_hub_drop(hub, packet.pipe);

                for (unsigned j = 0; j < 10; j++)
                        ck_assert_int_eq(channel_hub_receive(hub, &other), -EAGAIN);
                kill(peer.pid, SIGKILL);
                ck_assert_int_eq(peer_wait(&peer), SIGKILL);
                ck_assert_int_eq(channel_hub_next_closed(hub, &pipe, &pid), -EAGAIN);
        }
}
END_TEST

START_TEST(channel_worker_is_told_that_the_hub_is_gone)
{
        _cleanup_(channel_outlet_freep) ChannelOutlet *outlet = NULL;
        ChannelHub *hub = NULL;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        Peer peer = peer_start("orphan", 1);
        ck_assert_int_eq(channel_outlet_new(directory, 1, 1, peer.pid, getuid(), &outlet), 0);
        peer_release(&peer);
        assert_next_packet(hub, "hello", NULL);
        channel_hub_free(hub);
        kill(peer.pid, SIGUSR1);
        ck_assert_int_eq(peer_wait(&peer), 0);
}
END_TEST

/* The hub's protocol spoken by hand: a header that announces more than a message may have. */
START_TEST(channel_oversized_message_ends_its_connection)
{
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        static const uint8_t greeting[] = {
                0, 'S', 'P', 0, 0, 0x50, 0, 0
        }; /* from a PUSH socket */
        static const uint8_t small[] = { 1, 0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i' };
        static const uint8_t large[] = {
                1, 0, 0, 0, 0, 0, 1, 0, 1
        }; /* 64 KiB and one byte follow */
        ChannelPacket packet;
        uint32_t pipe;
        pid_t pid;

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/e", directory);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(fd_write_all(fd, greeting, sizeof(greeting)), 0);
        ck_assert_int_eq(fd_write_all(fd, small, sizeof(small)), 0);
        assert_next_packet(hub, "hi", &packet);
        ck_assert_int_eq(packet.pid, getpid());

        ck_assert_int_eq(fd_write_all(fd, large, sizeof(large)), 0);
        assert_next_closed(hub, &pipe, &pid);
        ck_assert_uint_eq(pipe, packet.pipe);
        ck_assert_int_eq(channel_hub_receive(hub, &packet), -EAGAIN);
}
END_TEST

START_TEST(channel_fifty_workers_at_once_lose_nothing)
{
        enum {
                N = 50
        };
        _cleanup_(channel_hub_freep) ChannelHub *hub = NULL;
        ChannelOutlet *outlets[N] = {};
        Peer peers[N];

        ck_assert_int_eq(channel_hub_new(directory, &hub), 0);
        for (unsigned i = 0; i < N; i++) {
                peers[i] = peer_start("burst-short", i + 1);
                ck_assert_int_eq(
                                channel_outlet_new(
                                                directory,
                                                i + 1,
                                                1,
                                                peers[i].pid,
                                                getuid(),
                                                &outlets[i]),
                                0);
        }
        for (unsigned i = 0; i < N; i++)
                peer_release(&peers[i]);
        assert_burst(hub, N, BURST_SHORT);
        for (unsigned i = 0; i < N; i++) {
                ck_assert_int_eq(peer_wait(&peers[i]), 0);
                channel_outlet_free(outlets[i]);
        }
}
END_TEST

/* ---- Main ---- */

static int peer_main(char **argv) {
        unsigned slot;
        char byte;

        if (parse_unsigned(argv[3], UINT32_MAX, &slot) < 0)
                return 90;
        /* Ends with its test, however that ends */
        if (read(STDIN_FILENO, &byte, 1) != 0)
                return 91;
        return role_run(argv[1], argv[2], slot);
}

int main(int argc, char **argv) {
        if (argc == 4)
                return peer_main(argv);

        if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0 || !mkdtemp(directory)) {
                perror("readlink or mkdtemp");
                return EXIT_FAILURE;
        }

        Suite *suite = suite_create("wire/channel");
        TCase *tcase = tcase_create("channel");
        tcase_add_test(tcase, channel_messages_go_both_ways);
        tcase_add_test(tcase, channel_sockets_are_private_and_removed);
        tcase_add_test(tcase, channel_directory_too_long_is_refused);
        tcase_add_test(tcase, channel_worker_without_sockets_is_refused);
        tcase_add_test(tcase, channel_outlet_refuses_another_process);
        tcase_add_test(tcase, channel_outlet_refuses_another_user);
        tcase_add_test(tcase, channel_outlet_without_peer_refuses_everybody);
        tcase_add_test(tcase, channel_outlet_takes_peer_that_is_set_later);
        tcase_add_test(tcase, channel_outlet_gives_eagain_while_peer_does_not_take);
        tcase_add_test(tcase, channel_burst_before_exit_is_received_to_its_end);
        tcase_add_test(tcase, channel_largest_message_survives_kill);
        tcase_add_test(tcase, channel_dropped_connection_is_told_once_and_silent);
        tcase_add_test(tcase, channel_worker_is_told_that_the_hub_is_gone);
        tcase_add_test(tcase, channel_oversized_message_ends_its_connection);
        tcase_add_test(tcase, channel_fifty_workers_at_once_lose_nothing);
        suite_add_tcase(suite, tcase);

        SRunner *runner = srunner_create(suite);
        srunner_set_fork_status(runner, CK_NOFORK);
        srunner_run_all(runner, CK_NORMAL);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        nng_fini(); /* what nng keeps for the whole program is no leak, but would be taken for one */
        dir_remove(directory);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
