/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/stuck-report.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/process.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-stuck-XXXXXX";
static unsigned port;

/* Where a debugger is looked for: nothing is there but what a test puts there. */
static void set_up(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_eq(setenv("PATH", directory, 1), 0);
        port = 0;
}

static void tear_down(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static void make_program(const char *name, const char *content, size_t size) {
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *path = NULL;

        ck_assert_int_eq(path_join(directory, name, &path), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, content, size), 0);
}

static void make_debugger(const char *script) {
        make_program("eu-stack", script, strlen(script));
}

static void *thread_wait(void *argument) {
        for (;;)
                pause();
        return argument;
}

/* A process with a thread, a child, and a socket that listens. */
static void __attribute__((noreturn)) child_run(int ready_fd) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(0x7f000001) } };
        socklen_t size = sizeof(address);
        pthread_t thread;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int pipe_fds[2];
        char byte;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
            pipe(pipe_fds) < 0)
                _exit(1);
        if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)raise(SIGSTOP);
                thread_wait(NULL);
        }
        if (pthread_create(&thread, NULL, thread_wait, NULL) != 0)
                _exit(1);
        port = ntohs(address.sin_port);
        (void)!write(ready_fd, &port, sizeof(port));
        (void)!read(pipe_fds[0], &byte, 1);
        _exit(1);
}

static pid_t find_child(pid_t pid) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        ck_assert_int_eq(process_list_descendants(pid, 10, &pids, &n), 0);
        return n == 1 ? pids[0] : 0;
}

static void wait_for_state(pid_t pid, char wanted) {
        for (char state = 0; state != wanted;) {
                ck_assert_int_eq(process_get_state(pid, &state), 0);
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
}

static pid_t start_child(void) {
        int fds[2];
        pid_t pid;

        ck_assert_int_eq(pipe(fds), 0);
        pid = fork();
        if (pid == 0)
                child_run(fds[1]);
        ck_assert_int_eq(read(fds[0], &port, sizeof(port)), sizeof(port));
        wait_for_state(pid, 'S');
        wait_for_state(find_child(pid), 'T');
        return pid;
}

static void end_child(pid_t pid) {
        kill(find_child(pid), SIGKILL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* The report of these words, made by a process of its own as it is meant to be. */
static char *report(char *const *words, int expected_status) {
        _cleanup_close_ int fd = memfd_create("report", MFD_CLOEXEC);
        char *text = NULL;
        int status;
        pid_t pid;

        ck_assert_int_ge(fd, 0);
        pid = fork();
        if (pid == 0) {
                dup2(fd, STDOUT_FILENO);
                _exit(stuck_report_main(words));
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), expected_status);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(fd_read_all(fd, STUCK_REPORT_SIZE_MAX, &text, NULL), 0);
        return text;
}

static char *report_below(pid_t pid) {
        char number[16];
        char *const words[] = { (char *)STUCK_REPORT_BELOW, number, NULL };

        snprintf(number, sizeof(number), "%d", (int)pid);
        return report(words, 0);
}

/* As the one before, but on a machine that does not stand still while a debugger is waited for: that takes milliseconds. */
static char *report_below_told(pid_t pid) {
        for (unsigned i = 0;; i++) {
                _cleanup_free_ char *text = report_below(pid);

                if (i == 20 || !strstr(text, " did not tell"))
                        return TAKE_PTR(text);
                kill(pid, SIGCONT);
                wait_for_state(pid, 'S');
        }
}

static void check_has(const char *text, const char *format, ...) _printf_(2, 3);
static void check_has(const char *text, const char *format, ...) {
        _cleanup_free_ char *wanted = NULL;
        va_list arguments;

        va_start(arguments, format);
        ck_assert_int_ge(vasprintf(&wanted, format, arguments), 0);
        va_end(arguments);
        ck_assert_msg(strstr(text, wanted), "no \"%s\" in:\n%s", wanted, text);
}

START_TEST(report_tells_tree_threads_and_files)
{
        const pid_t pid = start_child(), child = find_child(pid);
        _cleanup_free_ char *text = report_below(pid);

        check_has(text, "%d ", (int)pid);
        check_has(text, " (2 threads): sleeping");
        check_has(text, "\n└─ %d ", (int)child);
        check_has(text, ": stopped by a signal");
        check_has(text, "\n  process %d: parent %d, started ", (int)pid, (int)getpid());
        check_has(text, "\n    thread %d ", (int)pid);
        check_has(text, ", tcp listening on 127.0.0.1:%u\n", port);
        check_has(text, ": pipe:[");
        end_child(pid);
}
END_TEST

START_TEST(report_leaves_all_stopped)
{
        const pid_t pid = start_child(), child = find_child(pid);
        _cleanup_free_ char *text = report_below(pid);

        wait_for_state(pid, 'T');
        wait_for_state(child, 'T');
        kill(pid, SIGCONT);
        wait_for_state(pid, 'S');
        end_child(pid);
}
END_TEST

START_TEST(report_has_what_the_debugger_says)
{
        const pid_t pid = start_child();
        _cleanup_free_ char *text = NULL;

        make_debugger("#!/bin/sh\nprintf 'PID 1 - process\\nTID 77:\\n#0  0x00001 inner@@X\\n#1  0x002 "
                      "outer\\n#2 0x03 __libc_start_main\\nTID 78:\\n#0  0x00007f in a<b, c> (d=1) at "
                      "x.c:3\\n#1  0x1 in ?? ()\\n'\n");
        text = report_below_told(pid);
        check_has(text, "\n77 at inner < outer\n    #0  0x00001 inner@@X\n");
        check_has(text, "\n78 at a<b, c> < ?\n");
        end_child(pid);
}
END_TEST

/* A program that waits, whose file was removed since it was started */
static pid_t start_removed(void) {
        _cleanup_free_ char *path = NULL, *content = NULL, *link = NULL;
        char target[PATH_MAX] = "";
        size_t size;
        pid_t pid;

        ck_assert_int_eq(file_read("/bin/sleep", 64 * MIB, &content, &size), 0);
        make_program("sleeper", content, size);
        ck_assert_int_eq(path_join(directory, "sleeper", &path), 0);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execl(path, "sleep", "1000", NULL);
                _exit(1);
        }
        ck_assert_int_ge(asprintf(&link, "/proc/%d/exe", (int)pid), 0);
        while (strcmp(target, path) != 0) {
                ssize_t n = readlink(link, target, sizeof(target) - 1);

                /* Until it has executed the other one, that of this program, which may be longer */
                ck_assert_int_gt(n, 0);
                target[n] = '\0';
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
        ck_assert_int_eq(unlink(path), 0);
        return pid;
}

START_TEST(report_shows_gdb_a_removed_program_as_the_kernel_has_it)
{
        static const char script[] =
                        "#!/bin/sh\necho 'Thread 1 (LWP 77):'\necho \"#0  0x01 in main ($*)\"\n";
        const pid_t there = start_child(), removed = start_removed();
        _cleanup_free_ char *of_there = NULL, *of_removed = NULL;

        make_program("gdb", script, strlen(script));
        of_there = report_below_told(there);
        check_has(of_there, " -p %d ", (int)there);
        ck_assert_ptr_null(strstr(of_there, " -se "));
        of_removed = report_below_told(removed);
        check_has(of_removed, " -p %d ", (int)removed);
        check_has(of_removed, " -se /proc/%d/exe)", (int)removed);
        end_child(there);
        kill(removed, SIGKILL);
        waitpid(removed, NULL, 0);
}
END_TEST

START_TEST(report_waits_for_a_debugger_only_so_long)
{
        const uint64_t begin = clock_monotonic();
        const pid_t pid = start_child();
        _cleanup_free_ char *text = NULL;

        make_debugger("#!/bin/sh\nPATH=/usr/bin:/bin\nexec sleep 1000\n");
        text = report_below(pid);
        ck_assert_uint_lt(clock_monotonic() - begin, 300 * USEC_PER_SEC);
        check_has(text, "  no stack of %d: eu-stack did not tell in time\n", (int)pid);
        end_child(pid);
}
END_TEST

START_TEST(report_is_bounded)
{
        _cleanup_free_ char *text = NULL;
        const pid_t pid = start_child();

        make_debugger("#!/bin/sh\necho 'TID 5:'; i=0; while [ $i -lt 5000 ]; do echo \"#$i 0x00007ff0 in "
                      "a_function_with_a_name (of no use)\"; i=$((i+1)); done\n");
        text = report_below_told(pid);
        ck_assert_uint_le(strlen(text), STUCK_REPORT_SIZE_MAX);
        ck_assert_uint_gt(strlen(text), STUCK_REPORT_SIZE_MAX - 1024);
        check_has(text, "\nthe rest of this report is cut\n");
        end_child(pid);
}
END_TEST

START_TEST(report_of_nothing_is_empty)
{
        char number[16];
        char *const words[] = { number, NULL };
        _cleanup_free_ char *text = NULL;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        waitpid(pid, NULL, 0);
        snprintf(number, sizeof(number), "%d", (int)pid);
        text = report(words, 0);
        ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(report_refuses_other_words)
{
        char *const words[] = { (char *)"1x", NULL };
        _cleanup_free_ char *text = report(words, 64);

        ck_assert_str_eq(text, "");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/stuck-report");
        TCase *tcase = tcase_create("stuck-report");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, report_tells_tree_threads_and_files);
        tcase_add_test(tcase, report_leaves_all_stopped);
        tcase_add_test(tcase, report_has_what_the_debugger_says);
        tcase_add_test(tcase, report_shows_gdb_a_removed_program_as_the_kernel_has_it);
        tcase_add_test(tcase, report_waits_for_a_debugger_only_so_long);
        tcase_add_test(tcase, report_is_bounded);
        tcase_add_test(tcase, report_of_nothing_is_empty);
        tcase_add_test(tcase, report_refuses_other_words);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
