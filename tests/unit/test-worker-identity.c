/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/strv.h"
#include "worker/identity.h"

#include "test-runner.h"

static char *own[] = {
        (char *)"PATH=/usr/bin",
        (char *)"HOME=/home/me",
        (char *)"USER=me",
        (char *)"NOTIFY_SOCKET=/run/systemd/notify",
        (char *)"WATCHDOG_USEC=1",
        (char *)"LISTEN_FDS=1",
        (char *)"PTEST_ADDRESS=of/outer",
        (char *)"XDG_RUNTIME_DIR=/run/user/1000",
        NULL,
};

START_TEST(home_that_is_missing_is_the_own_one)
{
        _cleanup_strv_ char **environment = NULL;
        _cleanup_free_ char *home = NULL;
        char *const homeless[] = { (char *)"PATH=/usr/bin", NULL };
        const struct passwd *user = getpwuid(geteuid());

        ck_assert_ptr_nonnull(user);
        ck_assert_int_ge(asprintf(&home, "HOME=%s", user->pw_dir), 0);
        ck_assert_int_eq(identity_make_environment(homeless, NULL, &environment), 0);
        ck_assert(strv_contains(environment, home));
}
END_TEST

START_TEST(environment_without_user_keeps_the_session)
{
        _cleanup_strv_ char **environment = NULL;
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(identity_make_environment(own, NULL, &environment), 0);
        text = strv_join(environment, " ");
        ck_assert_str_eq(
                        text, "PATH=/usr/bin HOME=/home/me USER=me XDG_RUNTIME_DIR=/run/user/1000");
}
END_TEST

START_TEST(environment_of_a_user_is_that_users)
{
        _cleanup_strv_ char **environment = NULL;
        _cleanup_free_ char *home = NULL, *shell = NULL;
        struct passwd *root = getpwnam("root");

        ck_assert_ptr_nonnull(root);
        ck_assert_int_ge(asprintf(&home, "HOME=%s", root->pw_dir), 0);
        ck_assert_int_ge(asprintf(&shell, "SHELL=%s", root->pw_shell), 0);
        ck_assert_int_eq(identity_make_environment(own, "root", &environment), 0);
        ck_assert_uint_eq(strv_length(environment), 5);
        ck_assert(strv_contains(environment, "PATH=/usr/bin"));
        ck_assert(strv_contains(environment, home));
        ck_assert(strv_contains(environment, shell));
        ck_assert(strv_contains(environment, "USER=root"));
        ck_assert(strv_contains(environment, "LOGNAME=root"));
}
END_TEST

START_TEST(unknown_user_is_an_error)
{
        _cleanup_strv_ char **environment = NULL;

        ck_assert_int_eq(identity_become("no-such-user"), -ESRCH);
        ck_assert_int_eq(identity_make_environment(own, "no-such-user", &environment), -ESRCH);
}
END_TEST

/* In the child that Check forks for this test. */
START_TEST(becoming_is_for_good)
{
        struct passwd *user = geteuid() == 0 ? getpwnam("nobody") : getpwuid(geteuid());

        ck_assert_ptr_nonnull(user);
        ck_assert_int_eq(identity_become(user->pw_name), 0);
        ck_assert_uint_eq(getuid(), user->pw_uid);
        ck_assert_uint_eq(geteuid(), user->pw_uid);
        ck_assert_uint_eq(getgid(), user->pw_gid);
        if (user->pw_uid != 0) {
                ck_assert_int_lt(setuid(0), 0);
                ck_assert_int_lt(identity_become("root"), 0);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/identity");
        TCase *tcase = tcase_create("identity");

        suite_add_tcase(suite, tcase);
        tcase_add_test(tcase, home_that_is_missing_is_the_own_one);
        tcase_add_test(tcase, environment_without_user_keeps_the_session);
        tcase_add_test(tcase, environment_of_a_user_is_that_users);
        tcase_add_test(tcase, unknown_user_is_an_error);
        tcase_add_test(tcase, becoming_is_for_good);
        return suite_run(suite);
}
