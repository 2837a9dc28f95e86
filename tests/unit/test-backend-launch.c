/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/launch.h"
#include "basic/fd.h"
#include "basic/file.h"

#include "test-runner.h"

/* Runs a shell script whose standard output is out of our reach, so it writes to fd 3; returns what it wrote. */
static char *run_script(const char *script, int source_fd, const int *more, size_t n_more) {
        int pipe_fds[2];
        ck_assert_int_ge(pipe2(pipe_fds, O_CLOEXEC), 0);

        /* The writing end is where the caller wants it, which may be within the targets. */
        int write_fd = pipe_fds[1];
        if (source_fd >= 0) {
                write_fd = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, source_fd);
                close(pipe_fds[1]);
        }

        int fds[4] = { write_fd };
        for (size_t i = 0; i < n_more; i++)
                fds[i + 1] = more[i];

        char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
        pid_t pid = 0;
        int pidfd = -1;
        ck_assert_int_ge(launch_worker(argv, fds, n_more + 1, "the-mark", &pid, &pidfd), 0);
        close(write_fd);

        char *text = NULL;
        ck_assert_int_ge(fd_read_all(pipe_fds[0], 65536, &text, NULL), 0);
        close(pipe_fds[0]);
        close(pidfd);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        return text;
}

START_TEST(fds_become_three_and_up)
{
        int a[2];
        ck_assert_int_ge(dup2(STDOUT_FILENO, 20), 0); /* left open, without CLOEXEC */
        ck_assert_int_ge(pipe2(a, O_CLOEXEC), 0);
        ck_assert_int_eq(write(a[1], "x", 1), 1);
        close(a[1]);

        _cleanup_free_ char *text = run_script(
                        "cat <&4 >&3; for i in 0 1 2 3 4 5 9 20 251; do [ -e /proc/$$/fd/$i ] && echo -n $i, >&3; done",
                        -1,
                        a,
                        1);
        close(a[0]);

        ck_assert_str_eq(text, "x0,1,2,3,4,");
}
END_TEST

START_TEST(fds_may_overlap_targets)
{
        int a = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        const int more[] = { null_fd, a };

        /* Sources 3 and 4 are targets of others. */
        _cleanup_free_ char *text = run_script("readlink /proc/self/fd/4 >&3", 5, more, 2);
        ck_assert_str_eq(text, "/dev/null\n");
        close(a);
        close(null_fd);
}
END_TEST

START_TEST(signals_are_as_at_login)
{
        sigset_t all;

        sigfillset(&all);
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, &all, NULL), 0);
        signal(SIGPIPE, SIG_IGN);

        _cleanup_free_ char *text = run_script(
                        "exec grep -E '^Sig(Blk|Ign)' /proc/self/status >&3", -1, NULL, 0);
        ck_assert_ptr_nonnull(strstr(text, "SigBlk:\t0000000000000000\n"));

        /* SIGPIPE is not ignored; two that the C library keeps for itself (32, 33) may be. */
        const char *ignored = strstr(text, "SigIgn:\t");
        ck_assert_ptr_nonnull(ignored);
        ck_assert_uint_eq(strtoull(ignored + strlen("SigIgn:\t"), NULL, 16) & 0x7fffffff, 0);
}
END_TEST

START_TEST(session_mark_and_input_are_own)
{
        _cleanup_free_ char *text = run_script(
                        "read -r pid comm state ppid pgrp session rest < /proc/self/stat; "
                        "[ $pid = $session ] && echo own >&3; echo $PTEST_WORKER_MARK >&3; readlink /proc/self/fd/0 >&3",
                        -1,
                        NULL,
                        0);
        ck_assert_str_eq(text, "own\nthe-mark\n/dev/null\n");
}
END_TEST

START_TEST(missing_program_is_told_and_leaves_no_child)
{
        char *const argv[] = { (char *)"/nonexistent/program", NULL };
        pid_t pid = 0;
        int pidfd = -1;

        ck_assert_int_eq(launch_worker(argv, NULL, 0, "m", &pid, &pidfd), -ENOENT);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backend-launch");
        TCase *tc = tcase_create("launch");

        tcase_add_test(tc, fds_become_three_and_up);
        tcase_add_test(tc, fds_may_overlap_targets);
        tcase_add_test(tc, signals_are_as_at_login);
        tcase_add_test(tc, session_mark_and_input_are_own);
        tcase_add_test(tc, missing_program_is_told_and_leaves_no_child);
        suite_add_tcase(suite, tc);
        return suite_run(suite);
}
