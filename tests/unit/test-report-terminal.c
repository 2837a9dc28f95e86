/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/text.h"
#include "record/buffer.h"
#include "test-report-sample.h"
#include "test-runner.h"

static int master = -1, slave = -1;

/* A terminal of that width; what is written to slave comes out of master as it is. */
static void open_terminal(unsigned short columns) {
        struct winsize size = { .ws_row = 24, .ws_col = columns };
        struct termios raw;

        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        ck_assert_int_ge(master, 0);
        ck_assert_int_eq(grantpt(master), 0);
        ck_assert_int_eq(unlockpt(master), 0);
        slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        ck_assert_int_ge(slave, 0);
        ck_assert_int_eq(tcgetattr(slave, &raw), 0);
        cfmakeraw(&raw);
        ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);
        ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &size), 0);
        ck_assert_int_eq(fd_set_nonblock(master, true), 0);
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        unsetenv("NO_COLOR");
}

/* No terminal: a file */
static void open_log(void) {
        slave = memfd_create("log", MFD_CLOEXEC);
        ck_assert_int_ge(slave, 0);
        setenv("LC_ALL", "C.UTF-8", 1);
}

/* What was written since the last call. */
static char *take(void) {
        static char data[8 << 20];
        size_t size = 0;
        ssize_t n;

        if (master < 0) {
                ck_assert_int_eq(lseek(slave, 0, SEEK_SET), 0);
                n = read(slave, data, sizeof(data) - 1);
                ck_assert_int_ge(n, 0);
                ck_assert_uint_lt((size_t)n, sizeof(data) - 1);
                ck_assert_int_eq(ftruncate(slave, 0), 0);
                ck_assert_int_eq(lseek(slave, 0, SEEK_SET), 0);
                data[n] = '\0';
                return data;
        }
        while ((n = read(master, data + size, sizeof(data) - 1 - size)) > 0)
                size += (size_t)n;
        data[size] = '\0';
        return data;
}

static void teardown(void) {
        slave = fd_close(slave);
        master = fd_close(master);
}

static Reporter *open_reporter(TerminalVerbosity verbosity) {
        TerminalOptions options = { .fd = slave, .verbosity = verbosity };
        Reporter *reporter;

        ck_assert_int_eq(terminal_new(&options, &reporter), 0);
        return reporter;
}

/* The length of one of our own sequences, colours and clearing from the cursor on, or of a harmless character; else 0 */
static size_t measure_harmless(const char *p) {
        size_t n;

        if (*p != '\x1b')
                return (unsigned char)*p >= 0x20 && *p != 0x7f ?
                                1 :
                                *p == '\n' || *p == '\r' || *p == '\t';
        n = 2 + strspn(p + 2, "0123456789;");
        return p[1] == '[' && (p[n] == 'm' || (p[n] == 'J' && n == 2)) ? n + 1 : 0;
}

/* Check tells its parent of each assertion: one for each byte takes minutes. */
static void assert_harmless(const char *data) {
        const char *p = data;
        size_t n;

        ck_assert(text_is_utf8(data, strlen(data)));
        while (*p && (n = measure_harmless(p)) > 0)
                p += n;
        ck_assert_msg(*p == '\0', "at %zu: %.20s", (size_t)(p - data), p);
}

START_TEST(terminal_log_has_a_line_for_each_test)
{
        Reporter *reporter;

        open_log();
        reporter = open_reporter(TERMINAL_NORMAL);
        emit(reporter, started(12));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        emit(reporter, tested("b", PTEST_OUTCOME_FAIL, "exit status 1"));
        emit(reporter, tested("c", PTEST_OUTCOME_SKIP, "no network"));
        emit(reporter, tested("d", PTEST_OUTCOME_NOT_RUN, "interrupted"));
        ck_assert_str_eq(
                        take(),
                        "suite: 12 tests, 0 workers, unknown backend\n"
                        "ok       1/12 a\n"
                        "FAIL     2/12 b: exit status 1\n"
                        "skip     3/12 c # no network\n");
        emit(reporter, finished(VERDICT_INCOMPLETE));
        ck_assert_ptr_nonnull(strstr(take(), "1 test did not pass:\n  ✗ b  fail: exit status 1\n"));
        reporter_free(reporter);
}
END_TEST

START_TEST(terminal_summary_names_points_once)
{
        Event *failed = tested("a", PTEST_OUTCOME_FAIL, "1 of 2 points failed: 2");
        Event *crashed = tested("b", PTEST_OUTCOME_CRASH, "killed by SIGSEGV after 2 points");
        Reporter *reporter;

        ck_assert_int_eq(result_add_point(failed->result, PTEST_OUTCOME_FAIL, 2, "", NULL), 0);
        ck_assert_int_eq(result_add_point(crashed->result, PTEST_OUTCOME_FAIL, 1, "", NULL), 0);
        ck_assert_int_eq(result_add_point(crashed->result, PTEST_OUTCOME_FAIL, 2, "two", NULL), 0);
        open_log();
        reporter = open_reporter(TERMINAL_NORMAL);
        emit(reporter, started(2));
        emit(reporter, failed);
        emit(reporter, crashed);
        take();
        emit(reporter, finished(VERDICT_FAILED));
        ck_assert_ptr_nonnull(
                        strstr(take(),
                               "2 tests did not pass:\n"
                               "  ✗ a  fail: 1 of 2 points failed: 2\n"
                               "  ✗ b  crash: killed by SIGSEGV after 2 points (1, 2 two)\n"));
        reporter_free(reporter);
}
END_TEST

/* However long the address of one is, each failure has its reason. */
START_TEST(terminal_summary_of_a_narrow_terminal_has_reasons)
{
        Reporter *reporter;

        open_terminal(40);
        setenv("NO_COLOR", "1", 1);
        reporter = open_reporter(TERMINAL_NORMAL);
        emit(reporter, started(2));
        emit(reporter, tested("short", PTEST_OUTCOME_FAIL, "why"));
        emit(reporter,
             tested("a/long/address/that/takes/a/whole/line", PTEST_OUTCOME_FAIL, "why not"));
        take();
        emit(reporter, finished(VERDICT_FAILED));
        ck_assert_ptr_nonnull(
                        strstr(take(),
                               "  ✗ short                 fail: why\n"
                               "  ✗ a/long/address/that/takes/a/whole/line\n"
                               "    fail: why not\n"));
        reporter_free(reporter);
}
END_TEST

START_TEST(terminal_quiet_says_failures_and_the_last_line)
{
        Reporter *reporter;
        Event *event = finished(VERDICT_FAILED);

        event->run_finished.tally = (Tally){
                .count = {1, 1}
        };
        event->run_finished.duration_usec = 3 * USEC_PER_SEC;
        open_log();
        reporter = open_reporter(TERMINAL_QUIET);
        emit(reporter, started(2));
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        ck_assert_str_eq(take(), "");
        emit(reporter, tested("b", PTEST_OUTCOME_FAIL, NULL));
        ck_assert_str_eq(take(), "FAIL    2/2 b\n");
        emit(reporter, event);
        ck_assert_ptr_nonnull(strstr(take(), "✗ suite: failed · 1 passed, 1 failed in 3"));
        reporter_free(reporter);
}
END_TEST

START_TEST(terminal_log_beats_each_minute_without_output)
{
        TerminalRunning running[] = {
                {"a", 70 * USEC_PER_SEC}
        };
        TerminalProgress progress = {
                .planned = 9, .reported = 1, .running = running, .n_running = 1
        };
        Reporter *reporter;

        open_log();
        reporter = open_reporter(TERMINAL_NORMAL);
        emit(reporter, started(9));
        take();
        for (unsigned s = 0; s < 60; s++) {
                progress.elapsed_usec = s * USEC_PER_SEC;
                terminal_update(reporter, &progress);
                ck_assert_str_eq(take(), "");
        }
        progress.elapsed_usec = 60 * USEC_PER_SEC;
        terminal_update(reporter, &progress);
        ck_assert_str_eq(take(), "… 1/9, 1 running: a 1min 10s, 1min 00s\n");
        emit(reporter, tested("b", PTEST_OUTCOME_PASS, NULL));
        take();
        progress.elapsed_usec = 100 * USEC_PER_SEC;
        terminal_update(reporter, &progress);
        progress.elapsed_usec = 150 * USEC_PER_SEC;
        terminal_update(reporter, &progress);
        ck_assert_str_eq(take(), "");
        progress.elapsed_usec = 160 * USEC_PER_SEC;
        terminal_update(reporter, &progress);
        ck_assert_str_ne(take(), "");
        reporter_free(reporter);
}
END_TEST

/* The live line goes before a failure is written and comes back after it. */
START_TEST(terminal_live_line_makes_room)
{
        TerminalProgress progress = { .planned = 9,
                                      .reported = 1,
                                      .remaining_usec = USEC_INFINITY };
        Reporter *reporter;

        open_terminal(80);
        setenv("NO_COLOR", "1", 1);
        reporter = open_reporter(TERMINAL_NORMAL);
        emit(reporter, started(9));
        take();
        terminal_update(reporter, &progress);
        ck_assert_str_eq(take(), "\r[1/9]\033[J\r");
        terminal_update(reporter, &progress);
        ck_assert_str_eq(take(), "");
        emit(reporter, tested("a", PTEST_OUTCOME_PASS, NULL));
        ck_assert_str_eq(take(), "");
        emit(reporter, tested("b", PTEST_OUTCOME_CRASH, "SIGSEGV"));
        ck_assert_str_eq(take(), "\r\033[J✗ b  crash: SIGSEGV\n[1/9]\r");
        emit(reporter, finished(VERDICT_FAILED));
        ck_assert(text_starts_with(take(), "\r\033[J\n1 test did not pass"));
        terminal_update(reporter, &progress);
        reporter_free(reporter);
        ck_assert(text_ends_with(take(), "\r\033[J"));
}
END_TEST

START_TEST(terminal_messages_make_the_live_line_step_aside)
{
        TerminalProgress progress = { .planned = 9, .remaining_usec = USEC_INFINITY };
        Reporter *reporter;
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(dup2(null, STDERR_FILENO), 0);
        fd_close(null);
        open_terminal(80);
        setenv("NO_COLOR", "1", 1);
        reporter = open_reporter(TERMINAL_NORMAL);
        terminal_update(reporter, &progress);
        take();
        log_warning("careful");
        ck_assert_str_eq(take(), "\r\033[J\r\033[J[0/9]\r");
        reporter_free(reporter);
        log_warning("nobody is called any more");
}
END_TEST

/* Reads all that comes out of the terminal: much more than the kernel holds. */
static void *drain(void *userdata) {
        Buffer *all = userdata;
        char data[4096];
        ssize_t n;

        while ((n = read(master, data, sizeof(data))) > 0)
                buffer_add(all, data, (size_t)n);
        return NULL;
}

static void emit_hostile_live_run(Reporter *reporter) {
        TerminalRunning running[] = {
                {"x\xe6\x97\xa5", 1}
        };
        TerminalProgress progress = { .planned = 9, .running = running, .n_running = 1 };

        sample_seed(5);
        emit(reporter, sample_event_of_run(EVENT_RUN_STARTED, SD_ID128_NULL));
        for (unsigned n = 0; n < 200; n++) {
                progress.reported = n;
                emit(reporter, sample_event_of_run(EVENT_TEST_FINISHED, SD_ID128_NULL));
                emit(reporter, sample_event_of_run(EVENT_WORKER_STUCK, SD_ID128_NULL));
                terminal_update(reporter, &progress);
        }
        emit(reporter, sample_event_of_run(EVENT_RUN_FINISHED, SD_ID128_NULL));
}

static void check_hostile_run(const char *locale, TerminalVerbosity verbosity) {
        Buffer all = {};
        Reporter *reporter;
        pthread_t thread;
        char *data;

        open_terminal(60);
        ck_assert_int_eq(fd_set_nonblock(master, false), 0);
        setenv("LC_ALL", locale, 1);
        reporter = open_reporter(verbosity);
        ck_assert_int_eq(pthread_create(&thread, NULL, drain, &all), 0);
        emit_hostile_live_run(reporter);
        reporter_free(reporter);
        slave = fd_close(slave);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        teardown();

        ck_assert_uint_gt(all.size, 1000);
        ck_assert_ptr_null(memchr(all.data, 0, all.size));
        data = buffer_take_string(&all);
        assert_harmless(data);
        if (strcmp(locale, "C") == 0) {
                const char *p = data;

                while (*p && !(*p & 0x80))
                        p++;
                ck_assert_int_eq(*p, 0);
        }
        free(data);
}

START_TEST(terminal_hostile_results_do_no_harm)
{
        for (TerminalVerbosity v = TERMINAL_QUIET; v <= TERMINAL_VERBOSE; v++) {
                check_hostile_run("C.UTF-8", v);
                check_hostile_run("C", v);
        }
}
END_TEST

START_TEST(terminal_closed_pipe_is_an_error)
{
        Reporter *reporter;
        Event *event = started(1);

        slave = open("/dev/full", O_WRONLY | O_CLOEXEC);
        reporter = open_reporter(TERMINAL_NORMAL);
        ck_assert_int_eq(reporter_on_event(reporter, event), -ENOSPC);
        event_free(event);
        reporter_free(reporter);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("report-terminal");
        TCase *tcase = tcase_create("terminal");

        tcase_add_checked_fixture(tcase, NULL, teardown);
        tcase_add_test(tcase, terminal_log_has_a_line_for_each_test);
        tcase_add_test(tcase, terminal_summary_names_points_once);
        tcase_add_test(tcase, terminal_summary_of_a_narrow_terminal_has_reasons);
        tcase_add_test(tcase, terminal_quiet_says_failures_and_the_last_line);
        tcase_add_test(tcase, terminal_log_beats_each_minute_without_output);
        tcase_add_test(tcase, terminal_live_line_makes_room);
        tcase_add_test(tcase, terminal_messages_make_the_live_line_step_aside);
        tcase_add_test(tcase, terminal_hostile_results_do_no_harm);
        tcase_add_test(tcase, terminal_closed_pipe_is_an_error);
        suite_add_tcase(suite, tcase);

        return suite_run(suite);
}
