/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/text.h"
#include "test-runner.h"

/* Starts a child that runs the function and then waits to be killed; returns when the function is through. */
static pid_t start_child(void (*function)(void)) {
        int fds[2];
        char byte;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);

        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                signal(SIGTERM, SIG_DFL); /* Check has a handler for it */
                if (function)
                        function();
                (void)fd_write_all(fds[1], "x", 1);
                for (;;)
                        pause();
        }
        fd_close(fds[1]);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        fd_close(fds[0]);
        return pid;
}

static void end_child(pid_t pid) {
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* In an execve() files are closed a moment before the command line is there. */
static void await_command(pid_t pid) {
        char path[64], byte;
        ssize_t n = 0;

        (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        while (n == 0) {
                _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

                ck_assert_int_ge(fd, 0);
                n = read(fd, &byte, 1);
        }
}

/*
 * Runs a program that lives until it is killed, and waits for the exec. Its stdin never ends, as the other
 * end is open until the process of this test ends.
 */
static pid_t start_program(char *const *argv) {
        int exec_fds[2], stdin_fds[2];
        char byte;

        ck_assert_int_eq(pipe2(exec_fds, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(stdin_fds, O_CLOEXEC), 0);

        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(stdin_fds[0], STDIN_FILENO);
                execv(argv[0], argv);
                _exit(127);
        }
        fd_close(exec_fds[1]);
        fd_close(stdin_fds[0]);
        ck_assert_int_eq(read(exec_fds[0], &byte, 1), 0);
        fd_close(exec_fds[0]);
        await_command(pid);
        return pid;
}

/* A pid that was used a moment ago and is gone. */
static pid_t make_dead_pid(void) {
        pid_t pid = start_child(NULL);

        end_child(pid);
        return pid;
}

START_TEST(process_gone_is_esrch_everywhere)
{
        const pid_t pid = make_dead_pid();
        char *s = NULL, state;
        int fd = -1;
        bool caught;
        pid_t *pids = NULL;
        size_t n;
        uint64_t bytes;

        ck_assert_int_eq(process_open(pid, &fd), -ESRCH);
        ck_assert_int_eq(process_get_command(pid, &s), -ESRCH);
        ck_assert_int_eq(process_get_state(pid, &state), -ESRCH);
        ck_assert_int_eq(process_catches_signal(pid, SIGINT, &caught), -ESRCH);
        ck_assert_int_eq(process_list_descendants(pid, 10, &pids, &n), -ESRCH);
        ck_assert_int_eq(process_get_memory(pid, &bytes), -ESRCH);
        ck_assert_int_eq(process_get_cgroup(pid, &s), -ESRCH);
        ck_assert_int_eq(fd, -1);
        ck_assert_ptr_null(s);
        ck_assert_ptr_null(pids);
}
END_TEST

START_TEST(process_signal_reaches_the_process)
{
        pid_t pid = start_child(NULL);
        _cleanup_close_ int fd = -1;
        int status;

        ck_assert_int_eq(process_open(pid, &fd), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_eq(process_signal(fd, 0), 0);
        ck_assert_int_eq(process_signal(fd, SIGTERM), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
        ck_assert_int_eq(process_signal(fd, SIGTERM), -ESRCH);
}
END_TEST

static void check_command(char *const *argv, const char *expected) {
        pid_t pid = start_program(argv);
        _cleanup_free_ char *command = NULL;

        ck_assert_int_eq(process_get_command(pid, &command), 0);
        end_child(pid);
        ck_assert_str_eq(command, expected);
}

START_TEST(process_get_command_quotes_and_escapes)
{
        char sh[] = "/bin/sh", c[] = "-c", script[] = "read x; :", evil[] = "\033[2J\nä",
             empty[] = "";

        check_command((char *[]){ sh, c, script, evil, empty, NULL },
                      "/bin/sh -c 'read x; :' '\\x1b[2J\\nä' ''");
}
END_TEST

START_TEST(process_get_command_cuts_what_is_long)
{
        char sleep[] = "/bin/sleep", time[] = "1000";
        _cleanup_free_ char *zeros = malloc(100001), *command = NULL;

        memset(zeros, '0', 100000);
        zeros[100000] = '\0';

        pid_t pid = start_program((char *[]){ sleep, time, zeros, NULL });

        ck_assert_int_eq(process_get_command(pid, &command), 0);
        end_child(pid);
        ck_assert_uint_lt(strlen(command), 2000);
        ck_assert(text_starts_with(command, "/bin/sleep 1000 000"));
        ck_assert(text_ends_with(command, "0…"));
}
END_TEST

/* A zombie has no command line any more. */
START_TEST(process_get_command_without_arguments_is_the_name)
{
        pid_t pid = fork();
        _cleanup_free_ char *command = NULL;
        siginfo_t info;

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                prctl(PR_SET_NAME, "a) \n(b");
                _exit(0);
        }
        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);

        char state = '?';

        ck_assert_int_eq(process_get_command(pid, &command), 0);
        ck_assert_int_eq(process_get_state(pid, &state), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_str_eq(command, "[a) ]");
        ck_assert_int_eq(state, 'Z');
}
END_TEST

START_TEST(process_get_state_of_a_stopped_process)
{
        pid_t pid = start_child(NULL);
        int status;
        char state = '?';

        ck_assert_int_eq(kill(pid, SIGSTOP), 0);
        ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
        ck_assert_int_eq(process_get_state(pid, &state), 0);
        ck_assert_int_eq(state, 'T');
        end_child(pid);

        ck_assert_int_eq(process_get_state(getpid(), &state), 0);
        ck_assert_int_eq(state, 'R');
}
END_TEST

START_TEST(process_get_stat_knows_parent_and_session)
{
        ProcessStat stat = {};

        ck_assert_int_eq(process_get_stat(getpid(), &stat), 0);
        ck_assert_int_eq(stat.parent, getppid());
        ck_assert_int_eq(stat.session, getsid(0));
        ck_assert_uint_gt(stat.n_threads, 0);
}
END_TEST

static void on_signal(int signo) {
}

static void catch_some(void) {
        prctl(PR_SET_NAME, "x\nSigCgt:\tfff");
        signal(SIGINT, on_signal);
        signal(SIGTERM, SIG_IGN);
        signal(SIGQUIT, SIG_DFL);
        signal(SIGRTMAX, on_signal);
}

START_TEST(process_catches_signal_only_with_a_handler)
{
        pid_t pid = start_child(catch_some);
        bool caught = false;

        ck_assert_int_eq(process_catches_signal(pid, SIGINT, &caught), 0);
        ck_assert(caught);
        ck_assert_int_eq(process_catches_signal(pid, SIGRTMAX, &caught), 0);
        ck_assert(caught);
        ck_assert_int_eq(process_catches_signal(pid, SIGTERM, &caught), 0);
        ck_assert(!caught);
        ck_assert_int_eq(process_catches_signal(pid, SIGQUIT, &caught), 0);
        ck_assert(!caught);
        ck_assert_int_eq(process_catches_signal(pid, 0, &caught), -EINVAL);
        ck_assert_int_eq(process_catches_signal(pid, 65, &caught), -EINVAL);
        end_child(pid);
}
END_TEST

static pid_t grandchildren[2];

static void fork_two(void) {
        grandchildren[0] = start_child(NULL);
        grandchildren[1] = start_child(NULL);
}

START_TEST(process_list_descendants_lists_children_first)
{
        pid_t a = start_child(fork_two), b = start_child(NULL);
        pid_t *pids = NULL, *two = NULL, *none = NULL;
        size_t n = 0, n_two = 0, n_none = 99;

        ck_assert_int_eq(process_list_descendants(getpid(), 100, &pids, &n), 0);
        ck_assert_uint_eq(n, 4);
        ck_assert((pids[0] == a && pids[1] == b) || (pids[0] == b && pids[1] == a));
        for (size_t i = 2; i < 4; i++)
                ck_assert(pids[i] != a && pids[i] != b);

        ck_assert_int_eq(process_list_descendants(getpid(), 2, &two, &n_two), 0);
        ck_assert_uint_eq(n_two, 2);
        ck_assert_int_eq(process_list_descendants(b, 100, &none, &n_none), 0);
        ck_assert_uint_eq(n_none, 0);

        /* The grandchildren die with their parent. */
        end_child(a);
        end_child(b);
        free(pids);
        free(two);
        free(none);
}
END_TEST

START_TEST(process_list_descendants_leaves_out_zombies)
{
        pid_t pid = fork();
        pid_t *pids = NULL;
        siginfo_t info;
        size_t n = 99;

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(0);
        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(process_list_descendants(getpid(), 100, &pids, &n), 0);
        ck_assert_uint_eq(n, 0);
        free(pids);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static pid_t thread_child;
static int thread_ready[2];

static void *fork_in_thread(void *userdata) {
        thread_child = start_child(NULL);
        (void)fd_write_all(thread_ready[1], "x", 1);
        for (;;)
                pause();
        return NULL;
}

static void *wait_in_thread(void *userdata) {
        for (;;)
                pause();
        return NULL;
}

START_TEST(process_list_descendants_finds_children_of_threads)
{
        pthread_t thread;
        pid_t *pids = NULL;
        size_t n = 0;
        char byte;

        ck_assert_int_eq(pipe2(thread_ready, O_CLOEXEC), 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
        ck_assert_int_eq(read(thread_ready[0], &byte, 1), 1);

        ck_assert_int_eq(process_list_descendants(getpid(), 100, &pids, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(pids[0], thread_child);
        free(pids);
        end_child(thread_child);
}
END_TEST

/* The first thread of a process may end before the others: the process then looks like a zombie and lives. */
START_TEST(process_list_descendants_keeps_processes_without_first_thread)
{
        pid_t pid = fork();
        pid_t *pids = NULL;
        size_t n = 0;
        char state = '?';

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                pthread_t thread;

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                pthread_create(&thread, NULL, wait_in_thread, NULL);
                pthread_exit(NULL);
        }
        while (state != 'Z') {
                ck_assert_int_eq(process_get_state(pid, &state), 0);
                sched_yield();
        }
        ck_assert_int_eq(process_list_descendants(getpid(), 100, &pids, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(pids[0], pid);
        free(pids);
        end_child(pid);
}
END_TEST

START_TEST(process_get_memory_counts_what_is_resident)
{
        const size_t size = 32 * 1024 * 1024;
        uint64_t before = 0, after = 0;
        _cleanup_free_ char *block = NULL;

        ck_assert_int_eq(process_get_memory(getpid(), &before), 0);
        ck_assert_uint_gt(before, 0);
        block = malloc(size);
        ck_assert_ptr_nonnull(block);
        /* What nobody reads would not be written at all. */
        explicit_bzero(block, size);
        ck_assert_int_eq(process_get_memory(getpid(), &after), 0);
        ck_assert_uint_gt(after, before + size / 2);
}
END_TEST

START_TEST(process_get_cgroup_is_what_proc_says)
{
        _cleanup_free_ char *path = NULL, *text = NULL, *line = NULL;

        ck_assert_int_eq(process_get_cgroup(getpid(), &path), 0);
        ck_assert_int_eq(path[0], '/');
        ck_assert_ptr_null(strchr(path, '\n'));
        ck_assert_int_eq(file_read("/proc/self/cgroup", 100000, &text, NULL), 0);
        ck_assert_int_eq(text_setf(&line, ":%s\n", path), 0);
        ck_assert_ptr_nonnull(strstr(text, line));
}
END_TEST

START_TEST(process_count_cpus_follows_the_affinity)
{
        cpu_set_t set, one;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
        ck_assert_uint_eq(process_count_cpus(), (unsigned)CPU_COUNT(&set));

        CPU_ZERO(&one);
        for (int i = 0; i < CPU_SETSIZE; i++)
                if (CPU_ISSET(i, &set)) {
                        CPU_SET(i, &one);
                        break;
                }
        ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
        ck_assert_uint_eq(process_count_cpus(), 1);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-process");
        TCase *tcase = tcase_create("process");

        tcase_add_test(tcase, process_gone_is_esrch_everywhere);
        tcase_add_test(tcase, process_signal_reaches_the_process);
        tcase_add_test(tcase, process_get_command_quotes_and_escapes);
        tcase_add_test(tcase, process_get_command_cuts_what_is_long);
        tcase_add_test(tcase, process_get_command_without_arguments_is_the_name);
        tcase_add_test(tcase, process_get_state_of_a_stopped_process);
        tcase_add_test(tcase, process_get_stat_knows_parent_and_session);
        tcase_add_test(tcase, process_catches_signal_only_with_a_handler);
        tcase_add_test(tcase, process_list_descendants_lists_children_first);
        tcase_add_test(tcase, process_list_descendants_leaves_out_zombies);
        tcase_add_test(tcase, process_list_descendants_finds_children_of_threads);
        tcase_add_test(tcase, process_list_descendants_keeps_processes_without_first_thread);
        tcase_add_test(tcase, process_get_memory_counts_what_is_resident);
        tcase_add_test(tcase, process_get_cgroup_is_what_proc_says);
        tcase_add_test(tcase, process_count_cpus_follows_the_affinity);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
