/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/pause.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "basic/clock.h"
#include "basic/process.h"
#include "test-runner.h"

/* A machine under load needs its time; none of it is spent if all is well. */
#define PATIENCE (200 * USEC_PER_SEC)

static pid_t start_sleeper(void) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void)pause();
        }
        return pid;
}

/* A child with a child of its own: *ret is that. */
static pid_t start_parent(pid_t *ret) {
        int fds[2];
        pid_t pid;

        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                pid_t child;

                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                child = start_sleeper();
                if (write(fds[1], &child, sizeof(child)) != sizeof(child))
                        _exit(1);
                for (;;)
                        (void)pause();
        }
        ck_assert_int_eq(read(fds[0], ret, sizeof(*ret)), sizeof(*ret));
        close(fds[0]);
        close(fds[1]);
        return pid;
}

static bool is_stopped(pid_t pid) {
        char state = 0;

        return process_get_state(pid, &state) >= 0 && state == 'T';
}

static void until_stopped(pid_t pid, bool stopped) {
        const uint64_t end = clock_machine() + PATIENCE;

        while (is_stopped(pid) != stopped) {
                ck_assert_uint_lt(clock_machine(), end);
                (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
}

static void end(pid_t pid) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(pause_stops_all_below_and_lets_it_go_on)
{
        pid_t child, parent = start_parent(&child);
        Pause *pause = NULL;

        ck_assert_int_eq(pause_new(NULL, &pause), 0);
        until_stopped(parent, true);
        until_stopped(child, true);
        pause_free(pause);
        until_stopped(parent, false);
        until_stopped(child, false);
        end(parent);
}
END_TEST

START_TEST(pause_leaves_stopped_what_was_stopped_before)
{
        pid_t before = start_sleeper(), other = start_sleeper();
        Pause *pause = NULL;

        ck_assert_int_eq(kill(before, SIGSTOP), 0);
        until_stopped(before, true);
        ck_assert_int_eq(pause_new(NULL, &pause), 0);
        until_stopped(other, true);
        pause_free(pause);
        until_stopped(other, false);
        ck_assert(is_stopped(before));
        end(before);
        end(other);
}
END_TEST

START_TEST(pause_bears_that_what_it_stopped_is_killed)
{
        pid_t killed = start_sleeper(), other = start_sleeper();
        Pause *pause = NULL;

        ck_assert_int_eq(pause_new(NULL, &pause), 0);
        end(killed);
        pause_free(pause);
        until_stopped(other, false);
        end(other);
}
END_TEST

START_TEST(pause_without_anything_below_is_over_at_once)
{
        Pause *pause = NULL;

        ck_assert_int_eq(pause_new(NULL, &pause), 0);
        ck_assert_ptr_null(pause_free(pause));
        ck_assert_ptr_null(pause_free(NULL));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-pause");
        TCase *tcase = tcase_create("pause");

        tcase_add_test(tcase, pause_stops_all_below_and_lets_it_go_on);
        tcase_add_test(tcase, pause_leaves_stopped_what_was_stopped_before);
        tcase_add_test(tcase, pause_bears_that_what_it_stopped_is_killed);
        tcase_add_test(tcase, pause_without_anything_below_is_over_at_once);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
