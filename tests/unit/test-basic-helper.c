/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/helper.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

#include "test-runner.h"

static char *const environment[] = { (char *)"PATH=/usr/bin:/bin", (char *)"SAID=hello", NULL };

static Helper *start(const char *script) {
        char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
        Helper *helper = NULL;

        ck_assert_int_eq(helper_start(argv, environment, 12345, &helper), 0);
        ck_assert_int_gt(helper_get_pid(helper), 0);
        ck_assert_uint_eq(helper_get_deadline(helper), 12345);
        return helper;
}

static int wait_for(Helper *helper) {
        int status;

        ck_assert_int_eq(waitpid(helper_get_pid(helper), &status, 0), helper_get_pid(helper));
        helper_on_reaped(helper);
        ck_assert_int_eq(helper_get_pid(helper), 0);
        ck_assert_uint_eq(helper_get_deadline(helper), USEC_INFINITY);
        return status;
}

static void check_output(const Helper *helper, size_t max, const char *expected) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        ck_assert_int_eq(helper_read(helper, max, &data, &size), 0);
        ck_assert_str_eq(data, expected);
        ck_assert_uint_eq(size, strlen(expected));
}

START_TEST(helper_that_ends_gives_what_it_wrote)
{
        _cleanup_(helper_freep) Helper *helper = start("echo $SAID; echo no >&2; cat; exit 3");
        int status = wait_for(helper);

        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
        check_output(helper, 100, "hello\n");
        check_output(helper, 3, "hel");
        check_output(helper, 0, "");
}
END_TEST

START_TEST(helper_that_is_killed_gives_what_it_wrote_so_far)
{
        _cleanup_(helper_freep) Helper *helper = start("echo begun; sleep 1000; echo over");
        int status;

        for (;;) {
                _cleanup_free_ char *data = NULL;
                size_t size;

                ck_assert_int_eq(helper_read(helper, 100, &data, &size), 0);
                if (size > 0)
                        break;
                nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
        helper_kill(helper);
        ck_assert_uint_eq(helper_get_deadline(helper), USEC_INFINITY);
        status = wait_for(helper);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_output(helper, 100, "begun\n");
}
END_TEST

START_TEST(helper_that_cannot_be_executed_ends_without_a_word)
{
        char *const argv[] = { (char *)"/nowhere/program", NULL };
        _cleanup_(helper_freep) Helper *helper = NULL;
        int status;

        ck_assert_int_eq(helper_start(argv, environment, USEC_INFINITY, &helper), 0);
        status = wait_for(helper);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 127);
        check_output(helper, 100, "");
}
END_TEST

START_TEST(helper_has_no_other_fd)
{
        _cleanup_(helper_freep)
                        Helper *helper = start("for fd in /proc/$$/fd/*; do echo ${fd##*/}; done");

        /* It is opened by the shell to read the directory. */
        wait_for(helper);
        _cleanup_free_ char *data = NULL;
        size_t size;

        ck_assert_int_eq(helper_read(helper, 100, &data, &size), 0);
        ck_assert_int_eq(strncmp(data, "0\n1\n2\n", 6), 0);
        ck_assert_uint_le(size, 8);
}
END_TEST

START_TEST(helper_free_kills)
{
        Helper *helper = start("sleep 1000");
        const pid_t pid = helper_get_pid(helper);
        int status;

        helper_free(helper);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic/helper");
        TCase *tcase = tcase_create("helper");

        tcase_add_test(tcase, helper_that_ends_gives_what_it_wrote);
        tcase_add_test(tcase, helper_that_is_killed_gives_what_it_wrote_so_far);
        tcase_add_test(tcase, helper_that_cannot_be_executed_ends_without_a_word);
        tcase_add_test(tcase, helper_has_no_other_fd);
        tcase_add_test(tcase, helper_free_kills);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
