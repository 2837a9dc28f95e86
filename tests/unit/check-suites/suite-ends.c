/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A suite of Check's in which everything goes wrong that can. It knows nothing of ptest. */

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int n_set_ups, counter;

/* ---- What a test can come to ---- */

START_TEST(passes)
{
        ck_assert(1);
        ck_assert_str_eq(tcase_name(), "passes");
        mark_point();
}
END_TEST

START_TEST(fails)
{ ck_assert_int_eq(2 + 2, 5); }
END_TEST

START_TEST(fails_with_message)
{ ck_assert_msg(0, "number %d of %s", 7, "nine"); }
END_TEST

START_TEST(fails_string)
{ ck_assert_str_eq("left", "right"); }
END_TEST

START_TEST(fails_pointer)
{ ck_assert_ptr_null((void *)0x123); }
END_TEST

START_TEST(fails_memory)
{ ck_assert_mem_eq("abc", "abd", 3); }
END_TEST

START_TEST(fails_float)
{ ck_assert_double_eq_tol(1.0, 1.5, 0.25); }
END_TEST

START_TEST(aborts_by_hand)
{ ck_abort_msg("that is it"); }
END_TEST

START_TEST(raises_segv)
{ raise(SIGSEGV); }
END_TEST

START_TEST(raises_term)
{ raise(SIGTERM); }
END_TEST

START_TEST(returns)
{}
END_TEST

START_TEST(exits_0)
{ exit(0); }
END_TEST

START_TEST(exits_3)
{ exit(3); }
END_TEST

START_TEST(exits_at_once)
{ _exit(1); }
END_TEST

/* Each test is a process of its own: what others did to it is not here. */
START_TEST(counts)
{ ck_assert_int_eq(counter++, 0); }
END_TEST

START_TEST(child_fails)
{
        pid_t pid = check_fork();

        if (pid == 0) {
                ck_assert_msg(0, "in the child");
                exit(0);
        }
        check_waitpid_and_exit(pid);
}
END_TEST

START_TEST(child_passes)
{
        pid_t pid = check_fork();

        if (pid == 0)
                exit(0);
        check_waitpid_and_exit(pid);
}
END_TEST

START_TEST(odd)
{ ck_assert_int_eq(_i % 2, 1); }
END_TEST

static TCase *ends_tcase(void) {
        TCase *tcase = tcase_create("ends");

        tcase_add_test(tcase, passes);
        tcase_add_test(tcase, fails);
        tcase_add_test(tcase, fails_with_message);
        tcase_add_test(tcase, fails_string);
        tcase_add_test(tcase, fails_pointer);
        tcase_add_test(tcase, fails_memory);
        tcase_add_test(tcase, fails_float);
        tcase_add_test(tcase, aborts_by_hand);
        tcase_add_test(tcase, exits_0);
        tcase_add_test(tcase, exits_3);
        tcase_add_test(tcase, exits_at_once);
        tcase_add_test(tcase, raises_segv);
        tcase_add_test(tcase, raises_term);
        tcase_add_test(tcase, child_fails);
        tcase_add_test(tcase, child_passes);
        tcase_add_loop_test(tcase, odd, -1, 4);
        tcase_add_loop_test(tcase, counts, 0, 3);
        return tcase;
}

/* What is expected, and is so or not; all of these are tests that are above as well. */
static TCase *expectations_tcase(void) {
        TCase *tcase = tcase_create("expectations: all");

        tcase_add_test_raise_signal(tcase, raises_segv, SIGSEGV);
        tcase_add_test_raise_signal(tcase, raises_term, SIGSEGV);
        tcase_add_test_raise_signal(tcase, returns, SIGSEGV);
        tcase_add_test_raise_signal(tcase, fails, SIGSEGV);
        tcase_add_exit_test(tcase, exits_3, 3);
        tcase_add_exit_test(tcase, exits_3, 4);
        tcase_add_exit_test(tcase, returns, 5);
        tcase_add_exit_test(tcase, raises_segv, 3);
        tcase_add_loop_test_raise_signal(tcase, raises_segv, SIGSEGV, 2, 4);
        tcase_add_loop_exit_test(tcase, exits_3, 3, 0, 2);
        return tcase;
}

/* ---- Fixtures ---- */

static void up(void) {
        n_set_ups++;
}
static void up_again(void) {
        n_set_ups += 10;
}
static void down(void) {
        n_set_ups = 0;
}
static void fail_here(void) {
        ck_abort_msg("this fixture fails");
}
static void crash_here(void) {
        raise(SIGSEGV);
}

START_TEST(is_set_up_once)
{ ck_assert_int_eq(n_set_ups, 11); }
END_TEST

START_TEST(is_set_up_for_each)
{ ck_assert_int_eq(n_set_ups, 1); }
END_TEST

static TCase *fixtures_tcase(
                const char *name,
                void (*add)(TCase *tcase, SFun up, SFun down),
                const TTest *test) {
        TCase *tcase = tcase_create(name);

        add(tcase, up, down);
        if (test == is_set_up_once)
                add(tcase, up_again, NULL);
        tcase_add_loop_test(tcase, test, 0, 3);
        return tcase;
}

static TCase *bad_fixture_tcase(
                const char *name,
                void (*add)(TCase *tcase, SFun up, SFun down),
                SFun first,
                SFun last) {
        TCase *tcase = tcase_create(name);

        add(tcase, first, last);
        tcase_add_test(tcase, returns);
        return tcase;
}

/* ---- Time ---- */

START_TEST(hangs)
{
        for (;;)
                pause();
}
END_TEST

static TCase *hanging_tcase(void) {
        TCase *tcase = tcase_create("hanging");

        /* What returns must have done so by then, on whatever machine. */
        tcase_set_timeout(tcase, 4);
        tcase_set_tags(tcase, "slow late");
        tcase_add_test(tcase, hangs);
        tcase_add_test(tcase, returns);
        return tcase;
}

int main(void) {
        Suite *suite = suite_create("ends"), *other = suite_create("fixtures");
        SRunner *runner = srunner_create(suite);
        int failed;

        suite_add_tcase(suite, ends_tcase());
        suite_add_tcase(suite, expectations_tcase());
        suite_add_tcase(suite, hanging_tcase());
        suite_add_tcase(suite, tcase_create("empty"));

        suite_add_tcase(other, fixtures_tcase("ends", tcase_add_unchecked_fixture, is_set_up_once));
        suite_add_tcase(other,
                        fixtures_tcase("checked", tcase_add_checked_fixture, is_set_up_for_each));
        suite_add_tcase(other,
                        bad_fixture_tcase(
                                        "checked up", tcase_add_checked_fixture, fail_here, down));
        suite_add_tcase(other,
                        bad_fixture_tcase(
                                        "checked down", tcase_add_checked_fixture, up, fail_here));
        suite_add_tcase(other,
                        bad_fixture_tcase("crash up", tcase_add_checked_fixture, crash_here, down));
        suite_add_tcase(other,
                        bad_fixture_tcase("crash down", tcase_add_checked_fixture, up, crash_here));
        suite_add_tcase(other,
                        bad_fixture_tcase("up", tcase_add_unchecked_fixture, fail_here, down));
        srunner_add_suite(runner, other);

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
