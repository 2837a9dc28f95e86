/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The built ptest-worker, with this test as its coordinator: real sockets, real fds, real tests
 */

#include "test-worker-peer.h"

#include <pwd.h>

#include "test-runner.h"

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
        send_scripts(1,
                     (const char *const[]){ "until [ -e $GO ]; do sleep 0.01; done; exit 5",
                                            "exit 0",
                                            NULL });
        page_wait(1);
        send_message(&(Message){ .kind = MESSAGE_STOP });
        settle();
        let_go();
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

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, peer_set_up, peer_tear_down);
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
        return suite_run(suite);
}
