/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "model/test.h"
#include "test-runner.h"

static char base[] = "/tmp/ptest-unit-private-XXXXXX";
static Private *places;
static char *tmp, *home;
static Result *result;

static char *get(char *const *environment, const char *name) {
        const size_t n = strlen(name);
        char *value = NULL;

        strv_for_each(s, environment)
                if (strncmp(*s, name, n) == 0 && (*s)[n] == '=') {
                        ck_assert_ptr_null(value);
                        value = strdup(*s + n + 1);
                }
        return value;
}

static void set_up(void) {
        char *const before[] = { (char *)"TMPDIR=/x", (char *)"HOME=/y", (char *)"Z=z", NULL };
        _cleanup_strv_ char **environment = strv_copy(before);

        ck_assert_ptr_nonnull(mkdtemp(base));
        ck_assert_int_eq(chdir(base), 0);
        ck_assert_int_eq(mkdir("t", 0700), 0);
        ck_assert_int_eq(mkdir("kept", 0700), 0);
        ck_assert_int_eq(private_new(base, PRIVATE_ALL, &places), 0);
        ck_assert_int_eq(private_apply(places, &environment), 0);
        ck_assert_uint_eq(strv_length(environment), 3);
        tmp = get(environment, "TMPDIR");
        home = get(environment, "HOME");
        ck_assert_int_eq(result_new("a", &result), 0);
}

static void tear_down(void) {
        places = private_free(places);
        result = result_free(result);
        free(tmp);
        free(home);
        ck_assert_int_eq(rmdir("t"), 0); /* whatever happened, nothing is in it */
        ck_assert_int_eq(chdir("/"), 0);
        ck_assert_int_eq(dir_remove(base), 0);
}

static void make_file(const char *place, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;

        ck_assert_int_eq(path_join(place, name, &path), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

START_TEST(places_are_fresh_and_private)
{
        struct stat st;

        ck_assert_int_eq(stat(tmp, &st), 0);
        ck_assert(S_ISDIR(st.st_mode));
        ck_assert_uint_eq(st.st_mode & 0777, 0700);
        ck_assert_int_eq(stat(home, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0700);
        ck_assert_str_ne(tmp, home);
}
END_TEST

START_TEST(only_what_is_asked_for_is_set)
{
        _cleanup_strv_ char **environment = NULL;
        Private *one;

        ck_assert_int_eq(private_new(base, PRIVATE_TMP, &one), 0);
        ck_assert_int_eq(private_apply(one, &environment), 0);
        ck_assert_uint_eq(strv_length(environment), 1);
        ck_assert_int_eq(strncmp(environment[0], "TMPDIR=", 7), 0);
        private_free(one);
}
END_TEST

START_TEST(after_a_pass_all_is_gone_untold)
{
        make_file(tmp, "x", "12345");
        result->outcome = PTEST_OUTCOME_PASS;
        ck_assert_int_eq(private_end(places, true, result), 0);
        ck_assert_int_ne(access(tmp, F_OK), 0);
        ck_assert_ptr_null(result->files);
        ck_assert_ptr_null(result->directory);
}
END_TEST

START_TEST(after_a_failure_it_is_told_what_was_left)
{
        _cleanup_free_ char *below = NULL, *link = NULL, *joined = NULL;

        make_file(tmp, "x\n", "12345");
        make_file(home, ".rc", "");
        ck_assert_int_eq(path_join(tmp, "dir", &below), 0);
        ck_assert_int_eq(mkdir(below, 0700), 0);
        make_file(below, "file", "");
        ck_assert_int_eq(path_join(below, "link", &link), 0);
        ck_assert_int_eq(symlink("/etc", link), 0);
        result->outcome = PTEST_OUTCOME_FAIL;
        ck_assert_int_eq(private_end(places, false, result), 0);
        ck_assert_int_ne(access(tmp, F_OK), 0);
        ck_assert_ptr_null(result->directory);
        ck_assert_uint_eq(strv_length(result->files), 5);
        ck_assert(strv_contains(result->files, "tmp/x\\n (5B)"));
        ck_assert(strv_contains(result->files, "tmp/dir/"));
        ck_assert(strv_contains(result->files, "tmp/dir/file (0B)"));
        ck_assert(strv_contains(result->files, "tmp/dir/link (a link)"));
        ck_assert(strv_contains(result->files, "home/.rc (0B)"));
        ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
}
END_TEST

START_TEST(many_files_are_counted)
{
        for (int i = 0; i < 200; i++) {
                char name[16];

                snprintf(name, sizeof(name), "%d", i);
                make_file(tmp, name, "");
        }
        result->outcome = PTEST_OUTCOME_TIMEOUT;
        ck_assert_int_eq(private_end(places, false, result), 0);
        ck_assert_uint_eq(strv_length(result->files), 51);
        ck_assert_str_eq(result->files[50], "and 150 more");
}
END_TEST

START_TEST(what_is_kept_stays_and_its_path_is_told)
{
        make_file(tmp, "x", "12345");
        result->outcome = PTEST_OUTCOME_CRASH;
        ck_assert_int_eq(private_end(places, true, result), 0);
        ck_assert_int_ne(access(tmp, F_OK), 0);
        ck_assert_int_eq(strncmp(result->directory, base, strlen(base)), 0);
        ck_assert_int_eq(chdir(result->directory), 0);
        ck_assert_int_eq(access("tmp/x", F_OK), 0);
        ck_assert_int_eq(access("home", F_OK), 0);
        ck_assert_int_eq(chdir(base), 0);
}
END_TEST

START_TEST(what_its_owner_closed_is_removed)
{
        _cleanup_free_ char *below = NULL;

        ck_assert_int_eq(path_join(tmp, "dir", &below), 0);
        ck_assert_int_eq(mkdir(below, 0700), 0);
        make_file(below, "file", "");
        ck_assert_int_eq(chmod(below, 0), 0);
        ck_assert_int_eq(chmod(tmp, 0500), 0);
        result->outcome = PTEST_OUTCOME_FAIL;
        ck_assert_int_eq(private_end(places, false, result), 0);
        ck_assert_int_ne(access(tmp, F_OK), 0);
}
END_TEST

START_TEST(no_place_is_an_error)
{
        Private *none = NULL;

        ck_assert_int_eq(private_new("/nowhere", PRIVATE_TMP, &none), -ENOENT);
        ck_assert_ptr_null(none);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/private");
        TCase *tcase = tcase_create("private");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, places_are_fresh_and_private);
        tcase_add_test(tcase, only_what_is_asked_for_is_set);
        tcase_add_test(tcase, after_a_pass_all_is_gone_untold);
        tcase_add_test(tcase, after_a_failure_it_is_told_what_was_left);
        tcase_add_test(tcase, many_files_are_counted);
        tcase_add_test(tcase, what_is_kept_stays_and_its_path_is_told);
        tcase_add_test(tcase, what_its_owner_closed_is_removed);
        tcase_add_test(tcase, no_place_is_an_error);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
