/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "basic/macros.h"
#include "test-runner.h"

static char root[] = "/tmp/ptest-unit-file-XXXXXX";

/* Each test runs in a child and in a directory of its own. */
static void set_up(void) {
        ck_assert_ptr_nonnull(mkdtemp(root));
        ck_assert_int_eq(chdir(root), 0);
}

static void tear_down(void) {
        ck_assert_int_eq(chdir("/"), 0);
        ck_assert_int_eq(dir_remove(root), 0);
        ck_assert_int_ne(access(root, F_OK), 0);
}

static void make_file(const char *path, const char *text, mode_t mode) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
        ck_assert_int_eq(fchmod(fd, mode), 0);
}

START_TEST(file_read_gives_content)
{
        _cleanup_free_ char *data = NULL;
        size_t size = 0;

        make_file("a", "hello\n", 0600);
        ck_assert_int_eq(file_read("a", 6, &data, &size), 0);
        ck_assert_uint_eq(size, 6);
        ck_assert_str_eq(data, "hello\n");
}
END_TEST

START_TEST(file_read_failure_tells_why)
{
        char *data = NULL;

        make_file("a", "hello\n", 0600);
        ck_assert_int_eq(file_read("a", 5, &data, NULL), -EFBIG);
        ck_assert_int_eq(file_read("missing", 5, &data, NULL), -ENOENT);
        ck_assert_int_eq(file_read("a/b", 5, &data, NULL), -ENOTDIR);
        ck_assert_int_eq(file_read(".", 5, &data, NULL), -EISDIR);
        ck_assert_int_eq(file_read("", 5, &data, NULL), -ENOENT);
        ck_assert_ptr_null(data);
}
END_TEST

START_TEST(file_read_works_on_proc)
{
        _cleanup_free_ char *data = NULL;
        size_t size = 0;

        ck_assert_int_eq(file_read("/proc/self/status", 100000, &data, &size), 0);
        ck_assert_uint_gt(size, 0);
        ck_assert_uint_eq(strlen(data), size);
        ck_assert_ptr_nonnull(strstr(data, "\nPid:"));
}
END_TEST

START_TEST(file_read_at_is_relative_to_the_directory)
{
        _cleanup_free_ char *data = NULL;

        ck_assert_int_eq(mkdir("d", 0700), 0);
        make_file("d/a", "below", 0600);

        _cleanup_close_ int fd = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_eq(file_read_at(fd, "a", 10, &data, NULL), 0);
        ck_assert_str_eq(data, "below");
}
END_TEST

START_TEST(dir_make_makes_those_above)
{
        ck_assert_int_eq(dir_make("a/b//c/", 0755), 0);
        ck_assert(path_is_directory("a/b/c"));
        ck_assert_int_eq(dir_make("a/b/c", 0755), 0);
        ck_assert_int_eq(dir_make("/", 0755), 0);
        ck_assert_int_eq(dir_make(".", 0755), 0);
        ck_assert_int_eq(dir_make("", 0755), -ENOENT);
}
END_TEST

START_TEST(dir_make_over_a_file_is_enotdir)
{
        make_file("f", "", 0600);
        ck_assert_int_eq(dir_make("f", 0755), -ENOTDIR);
        ck_assert_int_eq(dir_make("f/g", 0755), -ENOTDIR);
        ck_assert_int_eq(symlink("nowhere", "link"), 0);
        ck_assert_int_eq(dir_make("link", 0755), -ENOTDIR);
}
END_TEST

START_TEST(dir_make_through_a_link_to_a_directory)
{
        ck_assert_int_eq(mkdir("d", 0700), 0);
        ck_assert_int_eq(symlink("d", "link"), 0);
        ck_assert_int_eq(dir_make("link/e", 0755), 0);
        ck_assert(path_is_directory("d/e"));
}
END_TEST

START_TEST(dir_remove_missing_is_good)
{
        ck_assert_int_eq(dir_remove("missing"), 0);
        ck_assert_int_eq(dir_remove("missing/too"), 0);
}
END_TEST

START_TEST(dir_remove_of_a_file_or_link_is_enotdir)
{
        make_file("f", "", 0600);
        ck_assert_int_eq(mkdir("d", 0700), 0);
        ck_assert_int_eq(symlink("d", "link"), 0);
        ck_assert_int_eq(dir_remove("f"), -ENOTDIR);
        ck_assert_int_eq(dir_remove("link"), -ENOTDIR);
        ck_assert_int_eq(access("f", F_OK), 0);
        ck_assert(path_is_directory("d"));
}
END_TEST

START_TEST(dir_remove_does_not_follow_links)
{
        ck_assert_int_eq(dir_make("victim", 0755), 0);
        make_file("victim/keep", "", 0600);
        ck_assert_int_eq(dir_make("d/sub", 0755), 0);
        ck_assert_int_eq(symlink("../victim", "d/link"), 0);
        ck_assert_int_eq(symlink("../../victim/keep", "d/sub/link"), 0);
        ck_assert_int_eq(mkfifo("d/fifo", 0600), 0);

        ck_assert_int_eq(dir_remove("d"), 0);
        ck_assert_int_ne(access("d", F_OK), 0);
        ck_assert_int_eq(access("victim/keep", F_OK), 0);
}
END_TEST

/* Unreadable directories are what tests of permissions leave behind; root does not notice them. */
START_TEST(dir_remove_opens_what_its_owner_closed)
{
        ck_assert_int_eq(dir_make("d/none/below", 0755), 0);
        ck_assert_int_eq(dir_make("d/readonly/below", 0755), 0);
        ck_assert_int_eq(chmod("d/none", 0), 0);
        ck_assert_int_eq(chmod("d/readonly", 0500), 0);
        ck_assert_int_eq(chmod("d", 0500), 0);

        if (geteuid() == 0) {
                ck_assert_int_eq(chown(".", 65534, 65534), 0);
                ck_assert_int_eq(chown("d/none/below", 65534, 65534), 0);
                ck_assert_int_eq(chown("d/none", 65534, 65534), 0);
                ck_assert_int_eq(chown("d/readonly/below", 65534, 65534), 0);
                ck_assert_int_eq(chown("d/readonly", 65534, 65534), 0);
                ck_assert_int_eq(chown("d", 65534, 65534), 0);
                ck_assert_int_eq(seteuid(65534), 0);
        }
        ck_assert_int_eq(dir_remove("d"), 0);
        ck_assert_int_ne(access("d", F_OK), 0);
        if (getuid() == 0)
                ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* Deeper than fds are there, and than a path may be long; several branches need several passes. */
START_TEST(dir_remove_any_depth)
{
        for (unsigned branch = 0; branch < 3; branch++) {
                ck_assert_int_eq(chdir(root), 0);
                ck_assert_int_eq(dir_make("d", 0700), 0);
                ck_assert_int_eq(chdir("d"), 0);
                for (unsigned i = 0; i < 1500; i++) {
                        char name[] = { 'a', (char)('a' + (i == 0 ? branch : 0)), '\0' };

                        ck_assert_int_eq(mkdir(name, 0700), 0);
                        if (i % 100 == 0)
                                make_file("file", "x", 0600);
                        ck_assert_int_eq(chdir(name), 0);
                }
        }
        ck_assert_int_eq(chdir(root), 0);
        ck_assert_int_eq(dir_remove("d"), 0);
        ck_assert_int_ne(access("d", F_OK), 0);
}
END_TEST

START_TEST(dir_remove_many_entries)
{
        ck_assert_int_eq(mkdir("d", 0700), 0);
        for (unsigned i = 0; i < 3000; i++) {
                _cleanup_free_ char *path = NULL;

                ck_assert_int_gt(asprintf(&path, "d/%u", i), 0);
                make_file(path, "", 0600);
        }
        ck_assert_int_eq(dir_remove("d"), 0);
        ck_assert_int_ne(access("d", F_OK), 0);
}
END_TEST

static void check_join(const char *a, const char *b, const char *expected) {
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(path_join(a, b, &joined), 0);
        ck_assert_str_eq(joined, expected);
}

/* Who may not mount has nothing to fear of this. */
START_TEST(dir_remove_leaves_what_is_mounted)
{
        struct stat st;

        ck_assert_int_eq(mkdir("kept", 0700), 0);
        make_file("kept/file", "x", 0600);
        ck_assert_int_eq(dir_make("removed/below", 0700), 0);
        make_file("removed/file", "x", 0600);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("kept", "removed/below", "none", MS_BIND, NULL) < 0) {
                ck_assert_int_ne(geteuid(), 0);
                return;
        }
        ck_assert_int_lt(dir_remove("removed"), 0);
        ck_assert_int_eq(stat("kept/file", &st), 0);
        ck_assert_int_ne(stat("removed/file", &st), 0);
        ck_assert_int_eq(umount("removed/below"), 0);
        ck_assert_int_eq(dir_remove("removed"), 0);
        ck_assert_int_eq(stat("kept/file", &st), 0);
}
END_TEST

static void protect(const char *name, int flag) {
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
        int flags = 0;

        ck_assert_int_ge(fd, 0);
        /* Some file systems have no such flags, and some users may not set them: there it is as any other. */
        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
                return;
        flags |= flag;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

START_TEST(dir_remove_takes_what_was_made_immutable)
{
        struct stat st;

        ck_assert_int_eq(dir_make("removed/full", 0700), 0);
        ck_assert_int_eq(dir_make("removed/empty", 0700), 0);
        ck_assert_int_eq(dir_make("removed/grows", 0700), 0);
        make_file("removed/file", "x", 0600);
        make_file("removed/full/file", "x", 0600);
        make_file("removed/grows/file", "x", 0600);
        ck_assert_int_eq(symlink("removed", "removed/grows/link"), 0);
        protect("removed/file", FS_IMMUTABLE_FL);
        protect("removed/full/file", FS_APPEND_FL);
        protect("removed/full", FS_IMMUTABLE_FL);
        protect("removed/empty", FS_IMMUTABLE_FL);
        protect("removed/grows", FS_APPEND_FL);
        protect("removed", FS_IMMUTABLE_FL);
        ck_assert_int_eq(dir_remove("removed"), 0);
        ck_assert_int_lt(lstat("removed", &st), 0);
}
END_TEST

START_TEST(path_join_cases)
{
        check_join("a", "b", "a/b");
        check_join("a/", "b", "a/b");
        check_join("/", "b", "/b");
        check_join("a", "/b", "/b");
        check_join(NULL, "b", "b");
        check_join("", "b", "b");
        check_join("a", "", "a");
        check_join(NULL, "", "");
        check_join("a", "../b", "a/../b");
}
END_TEST

static void check_absolute(const char *path, const char *expected) {
        _cleanup_free_ char *absolute = NULL;

        ck_assert_int_eq(path_make_absolute(path, &absolute), 0);
        ck_assert_str_eq(absolute, expected);
}

START_TEST(path_make_absolute_cases)
{
        check_absolute("/", "/");
        check_absolute("//", "/");
        check_absolute("/.", "/");
        check_absolute("/a//b/./c/", "/a/b/c");
        check_absolute("/a/.hidden/..b/...", "/a/.hidden/..b/...");
        check_absolute("/a/../b", "/a/../b");

        ck_assert_int_eq(chdir("/usr"), 0);
        check_absolute(".", "/usr");
        check_absolute("lib", "/usr/lib");
        check_absolute("./lib/", "/usr/lib");
        check_absolute("../lib", "/usr/../lib");
        ck_assert_int_eq(chdir("/"), 0);
        check_absolute("lib", "/lib");

        char *untouched = NULL;

        ck_assert_int_eq(path_make_absolute("", &untouched), -ENOENT);
        ck_assert_ptr_null(untouched);
}
END_TEST

START_TEST(path_basename_cases)
{
        ck_assert_str_eq(path_basename("/a/b"), "b");
        ck_assert_str_eq(path_basename("b"), "b");
        ck_assert_str_eq(path_basename("a/"), "");
        ck_assert_str_eq(path_basename(""), "");
}
END_TEST

static void check_program(const char *name, int expected_r, const char *expected) {
        _cleanup_free_ char *path = NULL;

        ck_assert_int_eq(path_find_program(name, &path), expected_r);
        if (expected)
                ck_assert_str_eq(path, expected);
        else
                ck_assert_ptr_null(path);
}

START_TEST(path_find_program_searches_in_order)
{
        ck_assert_int_eq(mkdir("one", 0755), 0);
        ck_assert_int_eq(mkdir("two", 0755), 0);
        ck_assert_int_eq(setenv("PATH", "one:missing:two", 1), 0);
        make_file("two/prog", "", 0755);
        check_program("prog", 0, "two/prog");
        make_file("one/prog", "", 0755);
        check_program("prog", 0, "one/prog");
        check_program("absent", -ENOENT, NULL);
        check_program("", -ENOENT, NULL);
        check_program("./absent", 0, "./absent");
}
END_TEST

START_TEST(path_find_program_passes_over_what_cannot_run)
{
        ck_assert_int_eq(mkdir("one", 0755), 0);
        ck_assert_int_eq(mkdir("two", 0755), 0);
        ck_assert_int_eq(setenv("PATH", "one:two", 1), 0);

        make_file("one/prog", "", 0644);
        check_program("prog", -EACCES, NULL);
        make_file("two/prog", "", 0755);
        check_program("prog", 0, "two/prog");

        ck_assert_int_eq(mkdir("one/dir", 0755), 0);
        check_program("dir", -EACCES, NULL);
}
END_TEST

START_TEST(path_find_program_without_path_uses_the_default)
{
        make_file("prog", "", 0755);
        ck_assert_int_eq(setenv("PATH", "missing:", 1), 0);
        check_program("prog", 0, "./prog");
        ck_assert_int_eq(setenv("PATH", "", 1), 0);
        check_program("prog", 0, "./prog");
        ck_assert_int_eq(unsetenv("PATH"), 0);
        check_program("prog", -ENOENT, NULL);
        check_program("sh", 0, "/bin/sh");
}
END_TEST

START_TEST(path_is_directory_cases)
{
        make_file("f", "", 0600);
        ck_assert_int_eq(symlink(".", "link"), 0);
        ck_assert(path_is_directory("."));
        ck_assert(path_is_directory("link"));
        ck_assert(!path_is_directory("f"));
        ck_assert(!path_is_directory("missing"));
        ck_assert(!path_is_directory(""));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-file");
        TCase *tcase = tcase_create("file");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, file_read_gives_content);
        tcase_add_test(tcase, file_read_failure_tells_why);
        tcase_add_test(tcase, file_read_works_on_proc);
        tcase_add_test(tcase, file_read_at_is_relative_to_the_directory);
        tcase_add_test(tcase, dir_make_makes_those_above);
        tcase_add_test(tcase, dir_make_over_a_file_is_enotdir);
        tcase_add_test(tcase, dir_make_through_a_link_to_a_directory);
        tcase_add_test(tcase, dir_remove_missing_is_good);
        tcase_add_test(tcase, dir_remove_of_a_file_or_link_is_enotdir);
        tcase_add_test(tcase, dir_remove_does_not_follow_links);
        tcase_add_test(tcase, dir_remove_opens_what_its_owner_closed);
        tcase_add_test(tcase, dir_remove_any_depth);
        tcase_add_test(tcase, dir_remove_many_entries);
        tcase_add_test(tcase, dir_remove_leaves_what_is_mounted);
        tcase_add_test(tcase, dir_remove_takes_what_was_made_immutable);
        tcase_add_test(tcase, path_join_cases);
        tcase_add_test(tcase, path_make_absolute_cases);
        tcase_add_test(tcase, path_basename_cases);
        tcase_add_test(tcase, path_find_program_searches_in_order);
        tcase_add_test(tcase, path_find_program_passes_over_what_cannot_run);
        tcase_add_test(tcase, path_find_program_without_path_uses_the_default);
        tcase_add_test(tcase, path_is_directory_cases);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
