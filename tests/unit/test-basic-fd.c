/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "basic/macros.h"
#include "test-runner.h"

static int make_file(const char *data, size_t size) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, data, size), 0);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

START_TEST(fd_close_keeps_errno_and_takes_negative)
{
        errno = ENOTTY;
        ck_assert_int_eq(fd_close(-1), -1);

        int fd = make_file("", 0);

        errno = ENOTTY;
        ck_assert_int_eq(fd_close(fd), -1);
        ck_assert_int_eq(errno, ENOTTY);
        ck_assert_int_eq(fcntl(fd, F_GETFD), -1);

        /* An fd that is no more must not show up as an error either. */
        errno = ENOTTY;
        ck_assert_int_eq(fd_close(fd), -1);
        ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

START_TEST(fd_cleanup_closes_at_end_of_scope)
{
        int number;

        {
                _cleanup_close_ int fd = make_file("", 0);

                number = fd;
        }
        ck_assert_int_eq(fcntl(number, F_GETFD), -1);
}
END_TEST

START_TEST(fd_flags_are_set_and_cleared)
{
        _cleanup_close_ int fd = make_file("", 0);

        ck_assert_int_eq(fd_set_nonblock(fd, true), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
        ck_assert_int_eq(fd_set_nonblock(fd, false), 0);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);

        ck_assert_int_eq(fd_set_cloexec(fd, false), 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_eq(fd_set_cloexec(fd, true), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);

        ck_assert_int_eq(fd_set_nonblock(-1, true), -EBADF);
        ck_assert_int_eq(fd_set_cloexec(-1, true), -EBADF);
}
END_TEST

START_TEST(fd_read_all_empty_gives_empty_string)
{
        _cleanup_close_ int fd = make_file("", 0);
        _cleanup_free_ char *data = NULL;
        size_t size = 99;

        ck_assert_int_eq(fd_read_all(fd, 10, &data, &size), 0);
        ck_assert_uint_eq(size, 0);
        ck_assert_str_eq(data, "");
}
END_TEST

START_TEST(fd_read_all_keeps_nul_bytes)
{
        _cleanup_close_ int fd = make_file("a\0b", 3);
        _cleanup_free_ char *data = NULL;
        size_t size = 0;

        ck_assert_int_eq(fd_read_all(fd, 10, &data, &size), 0);
        ck_assert_uint_eq(size, 3);
        ck_assert_mem_eq(data, "a\0b", 4);
}
END_TEST

START_TEST(fd_read_all_more_than_max_is_efbig_and_leaves_results)
{
        static const size_t sizes[] = { 1, 10, 4095, 4096, 4097, 8192, 100000 };
        char *data = (char *)"untouched";
        size_t size = 77;

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_free_ char *written = malloc(sizes[i]), *read_back = NULL;
                size_t n = 0;

                memset(written, 'x', sizes[i]);

                _cleanup_close_ int fd = make_file(written, sizes[i]);

                ck_assert_int_eq(fd_read_all(fd, sizes[i] - 1, &data, &size), -EFBIG);
                ck_assert_str_eq(data, "untouched");
                ck_assert_uint_eq(size, 77);

                ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
                ck_assert_int_eq(fd_read_all(fd, sizes[i], &read_back, &n), 0);
                ck_assert_uint_eq(n, sizes[i]);
                ck_assert_mem_eq(read_back, written, n);
                ck_assert_int_eq(read_back[n], '\0');
        }
}
END_TEST

START_TEST(fd_read_all_huge_max_does_not_overflow)
{
        _cleanup_close_ int fd = make_file("abc", 3);
        _cleanup_free_ char *data = NULL;

        ck_assert_int_eq(fd_read_all(fd, SIZE_MAX, &data, NULL), 0);
        ck_assert_str_eq(data, "abc");
}
END_TEST

START_TEST(fd_read_all_nonblocking_without_data_is_eagain)
{
        int fds[2];
        char *data = NULL;

        ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        ck_assert_int_eq(fd_read_all(fds[0], 10, &data, NULL), -EAGAIN);
        ck_assert_ptr_null(data);
        fd_close(fds[0]);
        fd_close(fds[1]);
}
END_TEST

/* More than a pipe holds goes through in short writes, while a child reads it. */
START_TEST(fd_write_all_over_a_full_pipe_is_complete)
{
        const size_t size = 1000000;
        _cleanup_free_ char *data = malloc(size);
        int fds[2], status;

        for (size_t i = 0; i < size; i++)
                data[i] = (char)(i * 7 + i / 251);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);

        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                char *got = NULL;
                size_t n = 0;

                fd_close(fds[1]);

                int r = fd_read_all(fds[0], size, &got, &n);
                bool same = r == 0 && n == size && memcmp(got, data, size) == 0;

                _exit(same ? 0 : 1);
        }
        fd_close(fds[0]);
        ck_assert_int_eq(fd_write_all(fds[1], data, size), 0);
        fd_close(fds[1]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(fd_write_all_without_reader_is_epipe)
{
        int fds[2];

        signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        fd_close(fds[0]);
        ck_assert_int_eq(fd_write_all(fds[1], "x", 1), -EPIPE);
        ck_assert_int_eq(fd_write_all(fds[1], "", 0), 0);
        fd_close(fds[1]);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-fd");
        TCase *tcase = tcase_create("fd");

        tcase_add_test(tcase, fd_close_keeps_errno_and_takes_negative);
        tcase_add_test(tcase, fd_cleanup_closes_at_end_of_scope);
        tcase_add_test(tcase, fd_flags_are_set_and_cleared);
        tcase_add_test(tcase, fd_read_all_empty_gives_empty_string);
        tcase_add_test(tcase, fd_read_all_keeps_nul_bytes);
        tcase_add_test(tcase, fd_read_all_more_than_max_is_efbig_and_leaves_results);
        tcase_add_test(tcase, fd_read_all_huge_max_does_not_overflow);
        tcase_add_test(tcase, fd_read_all_nonblocking_without_data_is_eagain);
        tcase_add_test(tcase, fd_write_all_over_a_full_pipe_is_complete);
        tcase_add_test(tcase, fd_write_all_without_reader_is_epipe);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
