/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The built ptest-worker, with this test as its coordinator: real sockets, real fds, real tests
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
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
#include "basic/strv.h"
#include "wire/channel.h"
#include "wire/message.h"
#include "worker/status.h"

/* Loaded machines are slow; no test waits for this unless it fails. */
#define PATIENCE_USEC (60 * USEC_PER_SEC)

/* Above those that the worker inherits. */
#define FD_FIRST_FREE 20

static struct {
        char directory[64];
        ChannelHub *hub;
        ChannelOutlet *outlet;
        pid_t pid;
        int gate_fd, spill_fd, stderr_fd;
        PtestPage *page;
} peer;

/* ---- The coordinator's side ---- */

static int fd_lift(int fd) {
        int lifted = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST_FREE);

        ck_assert_int_ge(lifted, FD_FIRST_FREE);
        close(fd);
        return lifted;
}

static int memfd_new(const char *name, off_t size) {
        int fd = memfd_create(name, MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, size), 0);
        return fd_lift(fd);
}

/* Beside us in the build directory. */
static char *worker_find(void) {
        char own[4096], *path = NULL;
        ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

        ck_assert_int_gt(n, 0);
        own[n] = 0;
        *strrchr(own, '/') = 0;
        ck_assert_int_ge(asprintf(&path, "%s/../../src/worker/ptest-worker", own), 0);
        ck_assert_msg(access(path, X_OK) == 0, "%s is not built", path);
        return path;
}

static void worker_spawn(const char *user, bool with_fds) {
        _cleanup_free_ char *path = worker_find(), *directory = NULL, *user_option = NULL;
        int gate[2], page_fd = memfd_new("page", 4096), error_fd = memfd_new("stderr", 0);
        char *argv[] = { path, NULL, (char *)"--slot=1", (char *)"--generation=7", NULL, NULL };
        posix_spawn_file_actions_t actions;

        ck_assert_int_ge(asprintf(&directory, "--directory=%s", peer.directory), 0);
        argv[1] = directory;
        if (user) {
                ck_assert_int_ge(asprintf(&user_option, "--user=%s", user), 0);
                argv[4] = user_option;
        }
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

static void gate_open(void) {
        ck_assert_int_eq(write(peer.gate_fd, "", 1), 1);
}

static int worker_wait(void) {
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

static void send_data(const void *data, size_t size) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;

        while (channel_outlet_send(peer.outlet, data, size) == -EAGAIN) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
}

static void send_message(const Message *message) {
        _cleanup_free_ void *data = NULL;
        size_t size;

        ck_assert_int_eq(message_pack(message, &data, &size), 0);
        send_data(data, size);
}

static Message *receive_message(MessageKind kind) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;
        ChannelPacket packet;
        Message *message = NULL;
        int r;

        while ((r = channel_hub_receive(peer.hub, &packet)) == -EAGAIN) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(&(struct pollfd){ .fd = channel_hub_get_fd(peer.hub), .events = POLLIN },
                     1,
                     100);
        }
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(packet.pid, peer.pid);
        ck_assert_int_eq(
                        message_unpack(packet.data, packet.size, PTEST_MESSAGE_SIZE_MAX, &message),
                        0);
        free(packet.data);
        ck_assert_str_eq(message_kind_to_string(message->kind), message_kind_to_string(kind));
        return message;
}

/* Ids count from first_id; scripts of sh, up to NULL. */
static void send_scripts(uint64_t first_id, const char *const *scripts) {
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

static void assert_finished(uint64_t id, Outcome outcome) {
        _cleanup_(message_freep) Message *message = receive_message(MESSAGE_FINISHED);

        ck_assert_uint_eq(message->finished.id, id);
        ck_assert_str_eq(
                        outcome_to_string(message->finished.result->outcome),
                        outcome_to_string(outcome));
}

static void assert_good_bye(void) {
        _cleanup_(message_freep) Message *bye = receive_message(MESSAGE_BYE);

        send_message(&(Message){ .kind = MESSAGE_STOP, .stop = { .now = true } });
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_GOOD);
        ck_assert_int_eq(lseek(peer.stderr_fd, 0, SEEK_END), 0);
}

static void worker_start(void) {
        _cleanup_(message_freep) Message *hello = NULL;

        worker_spawn(NULL, true);
        gate_open();
        hello = receive_message(MESSAGE_HELLO);
        ck_assert_uint_eq(hello->hello.version, PTEST_PROTOCOL_VERSION);
        ck_assert_uint_eq(hello->hello.slot, 1);
        ck_assert_uint_eq(hello->hello.generation, 7);
        ck_assert_int_eq(hello->hello.pid, peer.pid);
}

/* Until the test with this id runs; its process. */
static pid_t page_wait(uint64_t id) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;

        while (__atomic_load_n(&peer.page->task_id, __ATOMIC_ACQUIRE) != id ||
               __atomic_load_n(&peer.page->leader_pid, __ATOMIC_ACQUIRE) == 0) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
        return (pid_t)__atomic_load_n(&peer.page->leader_pid, __ATOMIC_ACQUIRE);
}

static void assert_gone(pid_t pid) {
        uint64_t end = clock_monotonic() + PATIENCE_USEC;

        /* Reaped by its worker, or by init after it. */
        while (kill(pid, 0) == 0) {
                ck_assert_uint_lt(clock_monotonic(), end);
                poll(NULL, 0, 5);
        }
}

static void peer_set_up(void) {
        sigset_t all;

        /* nng's threads shall inherit it. */
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);

        strcpy(peer.directory, "/tmp/ptest-worker-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(peer.directory));
        ck_assert_int_eq(channel_hub_new(peer.directory, &peer.hub), 0);
        ck_assert_int_eq(channel_outlet_new(peer.directory, 1, 7, 0, getuid(), &peer.outlet), 0);
}

static void peer_tear_down(void) {
        if (peer.pid > 0) {
                kill(peer.pid, SIGKILL);
                waitpid(peer.pid, NULL, 0);
        }
        peer.outlet = channel_outlet_free(peer.outlet);
        peer.hub = channel_hub_free(peer.hub);
        ck_assert_int_eq(dir_remove(peer.directory), 0);
}

/* ---- Tests ---- */

START_TEST(tasks_are_finished_in_their_order)
{
        worker_start();
        send_scripts(1,
                     (const char *const[]){ "exit 0", "exit 1", "exit 77", "kill -TERM $$", NULL });
        assert_finished(1, PTEST_OUTCOME_PASS);
        assert_finished(2, PTEST_OUTCOME_FAIL);
        assert_finished(3, PTEST_OUTCOME_SKIP);
        assert_finished(4, PTEST_OUTCOME_CRASH);

        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();
        ck_assert_uint_eq(peer.page->started_count, 4);
        ck_assert_uint_eq(peer.page->finished_count, 4);
        ck_assert_uint_eq(peer.page->task_id, 0);
}
END_TEST

START_TEST(large_result_is_spilled)
{
        worker_start();
        send_scripts(1,
                     (const char *const[]){ "yes | head -c 300000",
                                            "yes | head -c 200000; exit 3",
                                            NULL });

        for (uint64_t id = 1; id <= 2; id++) {
                _cleanup_(message_freep) Message *spilled = receive_message(MESSAGE_SPILLED);
                _cleanup_(message_freep) Message *message = NULL;
                _cleanup_free_ char *data = malloc(spilled->spilled.size);

                ck_assert_uint_eq(spilled->spilled.id, id);
                ck_assert_int_eq(
                                pread(peer.spill_fd,
                                      data,
                                      spilled->spilled.size,
                                      (off_t)spilled->spilled.offset),
                                (ssize_t)spilled->spilled.size);
                ck_assert_int_eq(
                                message_unpack(data,
                                               spilled->spilled.size,
                                               PTEST_SPILL_SIZE_MAX,
                                               &message),
                                0);
                ck_assert_uint_eq(message->finished.id, id);
                ck_assert_uint_eq(message->finished.result->out.size, id == 1 ? 300000 : 200000);
        }
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();
}
END_TEST

START_TEST(cancelled_are_those_not_started)
{
        _cleanup_(message_freep) Message *cancelled = NULL;
        uint64_t ids[] = { 1, 3, 2, 99 };

        worker_start();
        send_scripts(1,
                     (const char *const[]){ "exec sleep 600", "exit 1", "exit 1", "exit 0", NULL });
        page_wait(1);
        send_message(&(Message){
                        .kind = MESSAGE_CANCEL, .cancel = {.ids = ids, .n_ids = 4}
        });
        cancelled = receive_message(MESSAGE_CANCELLED);
        ck_assert_uint_eq(cancelled->cancel.n_ids, 2);
        ck_assert_uint_eq(cancelled->cancel.ids[0], 2);
        ck_assert_uint_eq(cancelled->cancel.ids[1], 3);

        ck_assert_int_eq(kill(page_wait(1), SIGTERM), 0);
        assert_finished(1, PTEST_OUTCOME_CRASH);
        assert_finished(4, PTEST_OUTCOME_PASS);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();
}
END_TEST

START_TEST(stop_lets_the_running_test_finish)
{
        worker_start();
        send_scripts(1, (const char *const[]){ "sleep 0.3; exit 5", "exit 0", NULL });
        page_wait(1);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_finished(1, PTEST_OUTCOME_FAIL);
        assert_good_bye(); /* and nothing of the second */
}
END_TEST

START_TEST(stop_now_interrupts_the_running_test)
{
        worker_start();
        send_scripts(1, (const char *const[]){ "exec sleep 600", "exit 0", NULL });
        page_wait(1);
        send_message(&(Message){ .kind = MESSAGE_STOP, .stop = { .now = true } });
        assert_finished(1, PTEST_OUTCOME_NOT_RUN);
        assert_good_bye();
}
END_TEST

START_TEST(closed_gate_ends_worker_and_test)
{
        pid_t leader;

        worker_start();
        send_scripts(1,
                     (const char *const[]){ "trap '' INT TERM; setsid sleep 600 & sleep 600",
                                            NULL });
        leader = page_wait(1);
        close(peer.gate_fd);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_ORPHAN);
        assert_gone(leader);
        ck_assert_uint_eq(peer.page->task_id, 1);
}
END_TEST

START_TEST(gate_that_is_never_opened_ends_quietly)
{
        worker_spawn(NULL, true);
        close(peer.gate_fd);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_GOOD);
        ck_assert_int_eq(lseek(peer.stderr_fd, 0, SEEK_END), 0);
}
END_TEST

START_TEST(sigterm_ends_worker_and_test)
{
        pid_t leader;

        worker_start();
        send_scripts(1, (const char *const[]){ "trap '' INT TERM; sleep 600", NULL });
        leader = page_wait(1);
        ck_assert_int_eq(kill(peer.pid, SIGINT), 0);
        ck_assert_int_eq(kill(peer.pid, SIGTERM), 0);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_STOPPED);
        assert_gone(leader);
}
END_TEST

START_TEST(sigkill_of_worker_ends_its_test)
{
        pid_t leader;

        worker_start();
        send_scripts(1, (const char *const[]){ "exec sleep 600", NULL });
        leader = page_wait(1);
        ck_assert_int_eq(kill(peer.pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(peer.pid, NULL, 0), peer.pid);
        peer.pid = 0;
        assert_gone(leader);
}
END_TEST

START_TEST(broken_message_ends_worker)
{
        worker_start();
        send_data("\xc1 is no msgpack", 16);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_PROTOCOL);
}
END_TEST

START_TEST(worker_without_its_fds_says_so)
{
        char text[256] = {};

        worker_spawn(NULL, false);
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_USAGE);
        ck_assert_int_gt(pread(peer.stderr_fd, text, sizeof(text) - 1, 0), 0);
        ck_assert_ptr_nonnull(strstr(text, "not started by ptest"));
}
END_TEST

START_TEST(unknown_user_is_named)
{
        char text[256] = {};

        worker_spawn("no-such-user", true);
        gate_open();
        ck_assert_int_eq(worker_wait(), WORKER_STATUS_USER);
        ck_assert_int_gt(pread(peer.stderr_fd, text, sizeof(text) - 1, 0), 0);
        ck_assert_ptr_nonnull(strstr(text, "no-such-user"));
}
END_TEST

/* Root can become another; others only what they are. */
START_TEST(tests_run_as_the_user)
{
        _cleanup_(message_freep) Message *hello = NULL, *finished = NULL;
        struct passwd *user = geteuid() == 0 ? getpwnam("nobody") : getpwuid(geteuid());
        _cleanup_free_ char *expected = NULL;

        ck_assert_ptr_nonnull(user);
        ck_assert_int_ge(
                        asprintf(&expected,
                                 "%s %s %s %s\n",
                                 user->pw_name,
                                 user->pw_name,
                                 user->pw_name,
                                 user->pw_dir),
                        0);
        ck_assert_int_eq(chmod(peer.directory, 0777), 0);
        worker_spawn(user->pw_name, true);
        if (geteuid() == 0) {
                char *path = NULL;

                channel_outlet_set_peer(peer.outlet, peer.pid, user->pw_uid);
                for (const char *const *name = (const char *const[]){ "e", "w1g7", NULL }; *name;
                     name++) {
                        ck_assert_int_ge(asprintf(&path, "%s/%s", peer.directory, *name), 0);
                        ck_assert_int_eq(chmod(path, 0777), 0);
                        free(path);
                }
        }
        gate_open();
        hello = receive_message(MESSAGE_HELLO);
        send_scripts(1, (const char *const[]){ "echo $(id -un) $USER $LOGNAME $HOME", NULL });
        finished = receive_message(MESSAGE_FINISHED);
        ck_assert_uint_eq(finished->finished.result->out.size, strlen(expected));
        ck_assert_int_eq(
                        memcmp(finished->finished.result->out.data, expected, strlen(expected)), 0);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        assert_good_bye();
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/worker");
        TCase *tcase = tcase_create("protocol");
        SRunner *srunner = NULL;
        int failed;

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, peer_set_up, peer_tear_down);
        tcase_set_timeout(tcase, 90);
        tcase_add_test(tcase, tasks_are_finished_in_their_order);
        tcase_add_test(tcase, large_result_is_spilled);
        tcase_add_test(tcase, cancelled_are_those_not_started);
        tcase_add_test(tcase, stop_lets_the_running_test_finish);
        tcase_add_test(tcase, stop_now_interrupts_the_running_test);
        tcase_add_test(tcase, closed_gate_ends_worker_and_test);
        tcase_add_test(tcase, gate_that_is_never_opened_ends_quietly);
        tcase_add_test(tcase, sigterm_ends_worker_and_test);
        tcase_add_test(tcase, sigkill_of_worker_ends_its_test);
        tcase_add_test(tcase, broken_message_ends_worker);
        tcase_add_test(tcase, worker_without_its_fds_says_so);
        tcase_add_test(tcase, unknown_user_is_named);
        tcase_add_test(tcase, tests_run_as_the_user);
        srunner = srunner_create(suite);
        srunner_run_all(srunner, CK_NORMAL);
        failed = srunner_ntests_failed(srunner);
        srunner_free(srunner);
        return failed > 0 ? 1 : 0;
}
