/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "test-runner.h"

static int capture_fd = -1, stderr_fd = -1;

/* From here on stderr is a file; each test runs in a process of its own. */
static void capture_start(void) {
        program_invocation_short_name = (char *)"ptest";
        unsetenv("JOURNAL_STREAM");
        unsetenv("PTEST_DEBUG");
        capture_fd = memfd_create("stderr", MFD_CLOEXEC);
        stderr_fd = dup(STDERR_FILENO);
        ck_assert_int_ge(capture_fd, 0);
        ck_assert_int_ge(dup2(capture_fd, STDERR_FILENO), 0);
}

static char *capture_end(void) {
        char *text = NULL;

        dup2(stderr_fd, STDERR_FILENO);
        stderr_fd = fd_close(stderr_fd);
        ck_assert_int_eq(lseek(capture_fd, 0, SEEK_SET), 0);
        ck_assert_int_eq(fd_read_all(capture_fd, 100000, &text, NULL), 0);
        capture_fd = fd_close(capture_fd);
        return text;
}

START_TEST(log_below_warning_is_silent_by_default)
{
        capture_start();
        log_debug("debug");
        log_info("info");
        log_warning("warning");
        log_error("error %i", 1);

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "ptest: warning\nptest: error 1\n");
}
END_TEST

START_TEST(log_set_level_lets_more_through)
{
        capture_start();
        log_set_level(LOG_INFO);
        log_debug("debug");
        log_info("info");
        log_set_level(LOG_DEBUG);
        log_debug("debug");
        log_set_level(LOG_ERR);
        log_warning("warning");

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "ptest: info\nptest: debug\n");
}
END_TEST

START_TEST(log_debug_variable_beats_the_level)
{
        capture_start();
        setenv("PTEST_DEBUG", "0", 1);
        log_debug("zero");
        setenv("PTEST_DEBUG", "1", 1);
        log_debug("one");

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "ptest: one\n");
}
END_TEST

START_TEST(log_error_errno_returns_and_shows_the_error)
{
        capture_start();
        errno = EBUSY;

        int r = log_error_errno(-ENOENT, "Failed to open %s: %m", "a");

        log_warning("Still %s: %m", "that");

        _cleanup_free_ char *text = capture_end();

        ck_assert_int_eq(r, -ENOENT);
        ck_assert_str_eq(
                        text,
                        "ptest: Failed to open a: No such file or directory\n"
                        "ptest: Still that: No such file or directory\n");
}
END_TEST

START_TEST(log_message_keeps_errno)
{
        capture_start();
        errno = ENOTTY;
        log_error("text");
        log_debug("nothing");

        int saved = errno;
        _cleanup_free_ char *text = capture_end();

        ck_assert_int_eq(saved, ENOTTY);
}
END_TEST

START_TEST(log_to_journal_has_a_priority_on_each_line)
{
        _cleanup_free_ char *stream = NULL;
        struct stat st;

        capture_start();
        ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
        ck_assert_int_gt(
                        asprintf(&stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino),
                        0);
        setenv("JOURNAL_STREAM", stream, 1);
        log_warning("one");
        log_error("two\nthree\n\nfour\n");

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "<4>one\n<3>two\n<3>three\n<3>\n<3>four\n");
}
END_TEST

START_TEST(log_with_anothers_journal_stream_is_plain)
{
        capture_start();
        setenv("JOURNAL_STREAM", "1:2", 1);
        log_warning("one");
        setenv("JOURNAL_STREAM", "nonsense", 1);
        log_warning("two\nthree");

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "ptest: one\nptest: two\nptest: three\n");
}
END_TEST

static void on_log(void *userdata, int after) {
        const char *text = after ? "after\n" : "before\n";

        ck_assert_int_eq(*(int *)userdata, 42);
        ck_assert_int_eq(fd_write_all(STDERR_FILENO, text, strlen(text)), 0);
}

START_TEST(log_hook_is_called_around_each_message)
{
        int answer = 42;

        capture_start();
        log_set_hook(on_log, &answer);
        log_warning("text");
        log_debug("not written, no call");
        log_set_hook(NULL, NULL);
        log_warning("text");

        _cleanup_free_ char *text = capture_end();

        ck_assert_str_eq(text, "before\nptest: text\nafter\nptest: text\n");
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-log");
        TCase *tcase = tcase_create("log");

        tcase_add_test(tcase, log_below_warning_is_silent_by_default);
        tcase_add_test(tcase, log_set_level_lets_more_through);
        tcase_add_test(tcase, log_debug_variable_beats_the_level);
        tcase_add_test(tcase, log_error_errno_returns_and_shows_the_error);
        tcase_add_test(tcase, log_message_keeps_errno);
        tcase_add_test(tcase, log_to_journal_has_a_priority_on_each_line);
        tcase_add_test(tcase, log_with_anothers_journal_stream_is_plain);
        tcase_add_test(tcase, log_hook_is_called_around_each_message);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
