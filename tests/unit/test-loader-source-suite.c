/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Suite files, by a corpus: tests/data/loader/suites/y_*.suite load, n_*.suite do not
 *
 * Beside each stands NAME.expect: for good ones a line for each test, "address" or "address ! part of its
 * load_error"; for bad ones the beginning of each problem, without the directory. %DIR% is the directory.
 */

#include "loader/loader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/problems.h"
#include "test-runner.h"

static const LoadOptions plain = { .timeout_multiplier = 1.0 };

static char *data_path(const char *relative) {
        char *path = NULL;
        const char *data = getenv("PTEST_TEST_DATA");

        ck_assert_ptr_nonnull(data);
        ck_assert_int_ge(asprintf(&path, "%s/loader/%s", data, relative), 0);
        return path;
}

static Suite *load_good(const char *target, const LoadOptions *options) {
        _cleanup_problems_ LoadProblems problems = {};
        Suite *suite = NULL;
        int r = loader_load(target, options, &suite, &problems);

        ck_assert_msg(r == 0, "%s: %s", target, problems.lines ? problems.lines[0] : strerror(-r));
        ck_assert_ptr_null(problems.lines);
        return suite;
}

static Test *unpack(const PackedTest *packed) {
        Test *test = NULL;

        ck_assert_int_eq(packed_test_unpack(packed, &test), 0);
        return test;
}

static const PackedTest *find_test(const Suite *suite, const char *address) {
        for (size_t i = 0; i < suite->n_tests; i++)
                if (strcmp(suite->tests[i]->address, address) == 0)
                        return suite->tests[i];
        ck_abort_msg("no test %s", address);
        return NULL;
}

static const char *find_env(const Test *test, const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < test->n_env; i++)
                if (strcmp(test->env[i].name, name) == 0)
                        value = test->env[i].value;
        return value;
}

/* A suite file of its own for one check. */
static char *write_suite(const char *text, size_t size) {
        char *directory = strdup("/tmp/ptest-loader-XXXXXX"), *path = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_ge(asprintf(&path, "%s/x.suite", directory), 0);
        free(directory);

        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, size), 0);
        return path;
}

static void remove_suite(char *path) {
        *strrchr(path, '/') = 0;
        ck_assert_int_eq(dir_remove(path), 0);
        free(path);
}

static char **expected_lines(const char *suite) {
        _cleanup_free_ char *path = strdup(suite), *text = NULL;
        char **lines = NULL;
        size_t size;

        ck_assert_ptr_nonnull(path);
        *strrchr(path, '.') = 0;
        _cleanup_free_ char *expect = NULL;
        ck_assert_int_ge(asprintf(&expect, "%s.expect", path), 0);
        ck_assert_msg(file_read(expect, 65536, &text, &size) >= 0, "%s is missing", expect);
        ck_assert_int_eq(strv_split(text, "\n", &lines), 0);
        return lines;
}

static void check_good(const char *path) {
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        _cleanup_strv_ char **lines = expected_lines(path);

        ck_assert_msg(strv_length(lines) == suite->n_tests,
                      "%s: %zu tests, expected %zu",
                      path,
                      suite->n_tests,
                      strv_length(lines));
        for (size_t i = 0; i < suite->n_tests; i++) {
                _cleanup_(test_freep) Test *test = unpack(suite->tests[i]);
                char *mark = strstr(lines[i], " ! ");

                if (mark) {
                        *mark = 0;
                        ck_assert_msg(test->load_error && strstr(test->load_error, mark + 3),
                                      "%s: %s: load error \"%s\", expected \"%s\"",
                                      path,
                                      test->address,
                                      test->load_error ?: "",
                                      mark + 3);
                } else
                        ck_assert_msg(!test->load_error, "%s: %s", test->address, test->load_error);
                ck_assert_str_eq(test->address, lines[i]);
        }
}

/* What an expectation is after its %DIR%. */
static char *expand(const char *line, const char *directory) {
        const char *mark = strstr(line, "%DIR%");
        char *full = NULL;

        if (mark)
                ck_assert_int_ge(
                                asprintf(&full,
                                         "%s/%.*s%s%s",
                                         directory,
                                         (int)(mark - line),
                                         line,
                                         directory,
                                         mark + strlen("%DIR%")),
                                0);
        else
                ck_assert_int_ge(asprintf(&full, "%s/%s", directory, line), 0);
        return full;
}

static void check_bad(const char *path, const char *directory) {
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_strv_ char **lines = expected_lines(path);
        Suite *suite = NULL;

        ck_assert_int_lt(loader_load(path, &plain, &suite, &problems), 0);
        ck_assert_ptr_null(suite);
        for (size_t i = 0; lines[i]; i++) {
                _cleanup_free_ char *expected = expand(lines[i], directory);
                const char *got = i < problems_count(&problems) ? problems.lines[i] : "(no more)";

                ck_assert_msg(text_starts_with(got, expected),
                              "got:      %s\nexpected: %s",
                              got,
                              expected);
        }
        ck_assert_uint_eq(problems_count(&problems), strv_length(lines));
}

START_TEST(corpus_loads_or_says_what_is_wrong)
{
        _cleanup_free_ char *directory = data_path("suites");
        DIR *dir = opendir(directory);
        unsigned good = 0, bad = 0;

        ck_assert_ptr_nonnull(dir);
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;

                if (!text_ends_with(entry->d_name, ".suite"))
                        continue;
                ck_assert_int_eq(path_join(directory, entry->d_name, &path), 0);
                if (text_starts_with(entry->d_name, "y_")) {
                        check_good(path);
                        good++;
                } else {
                        check_bad(path, directory);
                        bad++;
                }
        }
        closedir(dir);
        /* A corpus that is not found must not pass. */
        ck_assert_uint_ge(good, 6);
        ck_assert_uint_ge(bad, 9);
}
END_TEST

START_TEST(suite_file_all_keys_arrive)
{
        _cleanup_free_ char *path = data_path("suites/y_plain.suite"),
                            *good = data_path("bin/good");
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        _cleanup_(test_freep) Test *first = unpack(find_test(suite, "first")),
                                   *second = unpack(find_test(suite, "second"));

        ck_assert_str_eq(suite->name, "y_plain");
        ck_assert_str_eq(suite->description, "Two tests");
        ck_assert_uint_eq(suite->settings.workers, 3);
        ck_assert_uint_eq(suite->settings.worker_memory_max, 1024 * MIB);
        ck_assert_uint_eq(suite->settings.worker_tasks_max, 64);
        ck_assert_str_eq(suite->settings.worker_user, "nobody");

        ck_assert_str_eq(path_basename(first->argv[0]), "good");
        ck_assert_int_eq(first->argv[0][0], '/');
        ck_assert_str_eq(first->argv[1], "--flag");
        ck_assert_str_eq(first->argv[2], "one word");
        ck_assert_str_eq(first->argv[3], "an ; other");
        ck_assert_ptr_null(first->argv[4]);
        ck_assert(first->timeout_usec == USEC_INFINITY);
        ck_assert_int_eq(first->priority, -3);
        ck_assert_uint_eq(strv_length(first->tags), 2);
        ck_assert_str_eq(find_env(first, "A"), "own");
        ck_assert_str_eq(find_env(first, "B"), "two words");
        ck_assert_uint_eq(first->line, 14);
        ck_assert_str_eq(first->source, path);

        ck_assert_uint_eq(second->timeout_usec, 2 * USEC_PER_MINUTE);
        ck_assert_int_eq(second->protocol, TEST_PROTOCOL_TAP);
        ck_assert(second->should_fail);
        ck_assert(second->exclusive);
        ck_assert_str_eq(find_env(second, "A"), "1");
        ck_assert_str_eq(find_env(second, "C"), "");
        ck_assert_int_eq(second->timeout_signal, SIGINT);
        ck_assert_str_eq(path_basename(second->argv[0]), "true");
}
END_TEST

START_TEST(match_changes_listed_tests)
{
        _cleanup_free_ char *path = data_path("suites/y_from.suite");
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);

        ck_assert(find_test(suite, "good")->traits->should_fail);
        ck_assert(!find_test(suite, "below/deep")->traits->should_fail);
        ck_assert_uint_eq(find_test(suite, "pkg/quoted")->traits->timeout_usec, 7 * USEC_PER_SEC);
        ck_assert_uint_eq(find_test(suite, "good")->traits->timeout_usec, TEST_TIMEOUT_DEFAULT);
}
END_TEST

START_TEST(timeouts_own_then_option_then_suite_then_default)
{
        static const char text[] =
                        "[Suite]\nTimeoutSec=10\nTimeoutMultiplier=2\n[Test own]\nExec=true\nTimeoutSec=3\n"
                        "[Test suite]\nExec=true\n[Test none]\nExec=true\nTimeoutSec=infinity\n";
        const LoadOptions given = { .timeout_multiplier = 1.5, .timeout_usec = 20 * USEC_PER_SEC };
        const LoadOptions never = { .timeout_multiplier = 0 };
        char *path = write_suite(text, strlen(text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        _cleanup_(suite_freep) Suite *other = load_good(path, &given),
                                     *third = load_good(path, &never);

        ck_assert_uint_eq(find_test(suite, "own")->traits->timeout_usec, 6 * USEC_PER_SEC);
        ck_assert_uint_eq(find_test(suite, "suite")->traits->timeout_usec, 20 * USEC_PER_SEC);
        ck_assert(find_test(suite, "none")->traits->timeout_usec == USEC_INFINITY);
        ck_assert_uint_eq(find_test(other, "own")->traits->timeout_usec, 9 * USEC_PER_SEC);
        ck_assert_uint_eq(find_test(other, "suite")->traits->timeout_usec, 60 * USEC_PER_SEC);
        ck_assert(find_test(third, "own")->traits->timeout_usec == USEC_INFINITY);
        remove_suite(path);
}
END_TEST

/* libinih, as distributions build it, would cut the line at 200 bytes and the section at 50. */
START_TEST(long_lines_and_sections_are_not_cut)
{
        enum {
                LENGTH = 10000,
                NAME = 500
        };
        _cleanup_free_ char *text = malloc(LENGTH + NAME + 100);
        char *end = text;

        end = stpcpy(end, "[Test ");
        memset(end, 'n', NAME);
        end = stpcpy(end + NAME, "]\nExec=true ");
        memset(end, 'x', LENGTH);
        end[150] = ' ';
        end[151] = ';';
        end = stpcpy(end + LENGTH, "\n");

        char *path = write_suite(text, (size_t)(end - text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        ck_assert_uint_eq(strlen(suite->tests[0]->address), NAME);

        _cleanup_(test_freep) Test *test = unpack(suite->tests[0]);
        ck_assert_uint_eq(strlen(test->argv[1]), 150);
        ck_assert_uint_eq(strlen(test->argv[2]), LENGTH - 151);
        remove_suite(path);
}
END_TEST

START_TEST(drop_ins_first_directory_wins_and_names_sort)
{
        _cleanup_free_ char *path = data_path("drop-ins/d.suite"), *search = NULL;
        _cleanup_free_ char *a = data_path("drop-ins/a"), *b = data_path("drop-ins/b");

        ck_assert_int_ge(asprintf(&search, "%s:%s", a, b), 0);
        ck_assert_int_eq(setenv("PTEST_SUITE_PATH", search, 1), 0);
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);

        ck_assert_uint_eq(suite->n_tests, 2);
        _cleanup_(test_freep) Test *test = unpack(find_test(suite, "d"));
        ck_assert_int_eq(test->priority, 2);
        ck_assert_str_eq(test->description, "by the second");
        ck_assert_ptr_nonnull(find_test(suite, "added"));
}
END_TEST

START_TEST(name_is_found_in_the_search_path_and_unknown_ones_say_where)
{
        _cleanup_free_ char *directory = data_path("drop-ins"), *search = NULL;
        _cleanup_problems_ LoadProblems problems = {};
        Suite *none = NULL;

        ck_assert_int_ge(asprintf(&search, "/nowhere:%s", directory), 0);
        ck_assert_int_eq(setenv("PTEST_SUITE_PATH", search, 1), 0);
        _cleanup_(suite_freep) Suite *suite = load_good("d", &plain);
        ck_assert_str_eq(suite->name, "d");

        ck_assert_int_eq(loader_load("no-such", &plain, &none, &problems), -ENOENT);
        ck_assert_ptr_nonnull(strstr(problems.lines[0], "/nowhere"));
}
END_TEST

START_TEST(memory_in_percent_is_of_this_machine)
{
        static const char text[] = "[Suite]\nAllowNoTests=yes\n[Worker]\nMemoryMax=50%\n";
        char *path = write_suite(text, strlen(text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

        ck_assert(suite->settings.worker_memory_max <= all / 2 + 1);
        ck_assert(suite->settings.worker_memory_max >= all / 2 - MIB);
        remove_suite(path);
}
END_TEST

static TestLimits find_limits(const Suite *suite, const char *address) {
        return find_test(suite, address)->traits->limits;
}

START_TEST(limits_come_from_the_nearest_that_gives_them)
{
        static const char text[] =
                        "[Suite]\nMemoryMax=100M\nTasksMax=20\nLeaks=fail\nStuckReport=off\nRetries=3\nFlaky=fail\n"
                        "[Worker]\nMemoryMax=1G\nTasksMax=200\n"
                        "[Context outer]\nMemoryMax=80M\nCPUQuota=50%\nSetUp=true\n"
                        "[Context inner]\nContext=outer\nMemoryMax=60M\nLeakGraceSec=0\nStuckReport=processes\nRetries=2\n"
                        "[Test plain]\nExec=true\n"
                        "[Test outer]\nExec=true\nContext=outer\n"
                        "[Test inner]\nExec=true\nContext=inner\n"
                        "[Test own]\nExec=true\nContext=inner\nMemoryMax=40M\nMemoryHigh=30M\nRetries=0\n"
                        "[Test free]\nExec=true\nContext=inner\nMemoryMax=infinity\n"
                        "[Test matched]\nExec=true\nMemoryMax=40M\nMemoryHigh=30M\n"
                        "[Match matched]\nMemoryMax=50M\n"
                        "[Match free]\nTasksMax=infinity\nCPUQuota=200%\nLeaks=ignore\nStuckReport=yes\nFlaky=pass\n";
        char *path = write_suite(text, strlen(text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);
        TestLimits limits;

        ck_assert_uint_eq(suite->settings.worker_memory_max, 1024 * MIB);
        ck_assert_uint_eq(suite->settings.worker_tasks_max, 200);

        limits = find_limits(suite, "plain");
        ck_assert_uint_eq(limits.memory_max, 100 * MIB);
        ck_assert_uint_eq(limits.tasks_max, 20);
        ck_assert_uint_eq(limits.cpu_quota_usec, USEC_INFINITY);
        ck_assert_uint_eq(limits.leaks, LEAKS_FAIL);
        ck_assert_uint_eq(limits.stuck, STUCK_NONE);
        ck_assert_uint_eq(limits.retries, 3);
        ck_assert_uint_eq(limits.flaky, FLAKY_FAIL);
        ck_assert_uint_eq(limits.leak_grace_usec, TEST_LEAK_GRACE_DEFAULT);

        limits = find_limits(suite, "outer");
        ck_assert_uint_eq(limits.memory_max, 80 * MIB);
        ck_assert_uint_eq(limits.cpu_quota_usec, USEC_PER_SEC / 2);
        ck_assert_uint_eq(limits.tasks_max, 20);

        limits = find_limits(suite, "inner");
        ck_assert_uint_eq(limits.memory_max, 60 * MIB);
        ck_assert_uint_eq(limits.cpu_quota_usec, USEC_PER_SEC / 2);
        ck_assert_uint_eq(limits.leak_grace_usec, 0);
        ck_assert_uint_eq(limits.stuck, STUCK_PROCESSES);
        ck_assert_uint_eq(limits.retries, 2);
        ck_assert_uint_eq(limits.flaky, FLAKY_FAIL);

        limits = find_limits(suite, "matched");
        ck_assert_uint_eq(limits.memory_max, 50 * MIB);
        ck_assert_uint_eq(limits.memory_high, 30 * MIB);

        limits = find_limits(suite, "own");
        ck_assert_uint_eq(limits.memory_max, 40 * MIB);
        ck_assert_uint_eq(limits.memory_high, 30 * MIB);
        ck_assert_uint_eq(limits.retries, 0);

        limits = find_limits(suite, "free");
        ck_assert_uint_eq(limits.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(limits.tasks_max, UINT64_MAX);
        ck_assert_uint_eq(limits.cpu_quota_usec, 2 * USEC_PER_SEC);
        ck_assert_uint_eq(limits.leaks, LEAKS_IGNORE);
        ck_assert_uint_eq(limits.stuck, STUCK_STACKS);
        ck_assert_uint_eq(limits.retries, 2);
        ck_assert_uint_eq(limits.flaky, FLAKY_PASS);

        ck_assert_uint_eq(suite->contexts[0]->set_up->limits.memory_max, 80 * MIB);
        ck_assert_uint_eq(suite->contexts[0]->set_up->limits.tasks_max, 20);
        remove_suite(path);
}
END_TEST

START_TEST(limits_that_were_taken_back_are_those_around)
{
        static const char text[] =
                        "[Suite]\nMemoryMax=100M\n"
                        "[Test a]\nExec=true\nMemoryMax=1M\nMemoryMax=\n";
        char *path = write_suite(text, strlen(text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);

        ck_assert_uint_eq(find_limits(suite, "a").memory_max, 100 * MIB);
        remove_suite(path);
}
END_TEST

START_TEST(from_without_tests_is_a_failed_test)
{
        static const char text[] = "[Suite]\nFrom=directory:.\n[Test a]\nExec=true\n";
        char *path = write_suite(text, strlen(text));
        _cleanup_(suite_freep) Suite *suite = load_good(path, &plain);

        ck_assert_uint_eq(suite->n_tests, 2);
        ck_assert_ptr_nonnull(strstr(
                        packed_test_get_load_error(suite->tests[0]), "there are no tests in"));
        remove_suite(path);
}
END_TEST

START_TEST(merge_prefixes_and_refuses_workers_that_differ)
{
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_free_ char *plain_path = data_path("suites/y_plain.suite"),
                            *other_path = data_path("suites/y_continued.suite");
        _cleanup_(suite_freep) Suite *a = load_good(other_path, &plain),
                                     *b = load_good(other_path, &plain);
        _cleanup_(suite_freep) Suite *c = load_good(plain_path, &plain), *merged = NULL;

        ck_assert_int_eq(suite_merge((Suite *[]){ a, c }, 2, &merged, &problems), -EINVAL);
        ck_assert_uint_eq(problems_count(&problems), 3);
        ck_assert_uint_eq(a->n_tests, 1);

        ck_assert_int_eq(suite_merge((Suite *[]){ a, b }, 2, &merged, &problems), 0);
        ck_assert_uint_eq(merged->n_tests, 2);
        ck_assert_str_eq(merged->tests[0]->address, "y_continued/continued");
        ck_assert_str_eq(merged->tests[1]->address, "y_continued#2/continued");
        ck_assert_uint_eq(a->n_tests, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("loader-source-suite");
        TCase *tcase = tcase_create("core");

        tcase_add_test(tcase, corpus_loads_or_says_what_is_wrong);
        tcase_add_test(tcase, suite_file_all_keys_arrive);
        tcase_add_test(tcase, match_changes_listed_tests);
        tcase_add_test(tcase, timeouts_own_then_option_then_suite_then_default);
        tcase_add_test(tcase, long_lines_and_sections_are_not_cut);
        tcase_add_test(tcase, drop_ins_first_directory_wins_and_names_sort);
        tcase_add_test(tcase, name_is_found_in_the_search_path_and_unknown_ones_say_where);
        tcase_add_test(tcase, memory_in_percent_is_of_this_machine);
        tcase_add_test(tcase, limits_come_from_the_nearest_that_gives_them);
        tcase_add_test(tcase, limits_that_were_taken_back_are_those_around);
        tcase_add_test(tcase, from_without_tests_is_a_failed_test);
        tcase_add_test(tcase, merge_prefixes_and_refuses_workers_that_differ);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
