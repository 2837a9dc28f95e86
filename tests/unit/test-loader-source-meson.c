/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Meson build directories: written by hand here, and one that meson itself sets up
 */

#include "loader/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "loader/problems.h"
#include "test-runner.h"

#define INFO                                                                                  \
        "{\"introspection\":{\"version\":{\"major\":1},\"information\":{\"tests\":{\"file\":" \
        "\"intro-tests.json\"}}},\"error\":false}"

static const LoadOptions plain = { .timeout_multiplier = 1.0 };
static char directory[64];

static void write_file(const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;

        ck_assert_int_ge(asprintf(&path, "%s/%s", directory, name), 0);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static void set_up(void) {
        _cleanup_free_ char *info = NULL;

        snprintf(directory, sizeof(directory), "/tmp/ptest-meson-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_ge(asprintf(&info, "%s/meson-info", directory), 0);
        ck_assert_int_eq(mkdir(info, 0755), 0);
        write_file("meson-info/meson-info.json", INFO);
        write_file("meson-info/intro-buildsystem_files.json", "[]");
        unsetenv("MALLOC_PERTURB_");
}

static void tear_down(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static Suite *load(const char *target) {
        _cleanup_problems_ LoadProblems problems = {};
        Suite *suite = NULL;
        int r = loader_load(target, &plain, &suite, &problems);

        ck_assert_msg(r == 0, "%s", problems.lines ? problems.lines[0] : strerror(-r));
        return suite;
}

static Test *unpack(const Suite *suite, size_t i) {
        Test *test = NULL;

        ck_assert_uint_lt(i, suite->n_tests);
        ck_assert_int_eq(packed_test_unpack(suite->tests[i], &test), 0);
        return test;
}

static const EnvOp *find_env(const Test *test, const char *name) {
        for (size_t i = 0; i < test->n_env; i++)
                if (strcmp(test->env[i].name, name) == 0)
                        return &test->env[i];
        return NULL;
}

START_TEST(fields_all_arrive)
{
        write_file("meson-info/intro-tests.json",
                   "[{\"cmd\":[\"/bin/true\",\"./arg\"],\"env\":{\"A\":\"1\",\"LD_LIBRARY_PATH\":\"/l\","
                   "\"PATH\":\"/set\"},\"name\":\"a b\",\"workdir\":\"/tmp\",\"timeout\":7,\"suite\":[\"p:x\","
                   "\"p:y\"],\"is_parallel\":false,\"priority\":-4,\"protocol\":\"tap\",\"depends\":[]},\n"
                   " {\"cmd\":[\"/bin/true\"],\"env\":{},\"name\":\"n\",\"workdir\":null,\"timeout\":0,"
                   "\"suite\":[\"p\"],\"is_parallel\":true,\"priority\":0,\"protocol\":\"exitcode\","
                   "\"later\":{\"unknown\":[]}}]");
        _cleanup_(suite_freep) Suite *suite = load(directory);
        _cleanup_(test_freep) Test *test = unpack(suite, 0), *other = unpack(suite, 1);

        ck_assert_uint_eq(suite->n_tests, 2);
        ck_assert_ptr_null(test->load_error);
        ck_assert_str_eq(test->address, "p:x/a b");
        ck_assert_str_eq(test->argv[0], "/bin/true");
        ck_assert_str_eq(test->argv[1], "./arg");
        ck_assert_str_eq(test->workdir, "/tmp");
        ck_assert_uint_eq(test->timeout_usec, 7 * USEC_PER_SEC);
        ck_assert_int_eq(test->priority, -4);
        ck_assert_int_eq(test->protocol, TEST_PROTOCOL_TAP);
        ck_assert(test->exclusive);
        ck_assert_str_eq(test->tags[1], "p:y");
        ck_assert_int_eq(find_env(test, "A")->kind, ENV_OP_SET);
        ck_assert_int_eq(find_env(test, "LD_LIBRARY_PATH")->kind, ENV_OP_PREPEND);
        /* No meson.build of the project appends: it was set. */
        ck_assert_int_eq(find_env(test, "PATH")->kind, ENV_OP_SET);
        ck_assert_ptr_nonnull(find_env(test, "MALLOC_PERTURB_"));

        ck_assert_str_eq(other->workdir, directory);
        ck_assert(other->timeout_usec == USEC_INFINITY);
        ck_assert_int_eq(other->protocol, TEST_PROTOCOL_EXIT);
        ck_assert(!other->exclusive);
}
END_TEST

START_TEST(names_that_are_not_unique_get_numbers)
{
#define ENTRY(name) "{\"cmd\":[\"/bin/true\"],\"name\":\"" name "\",\"suite\":[\"p\"]}"
        write_file("meson-info/intro-tests.json",
                   "[" ENTRY("t") "," ENTRY("t#2") "," ENTRY("t") "," ENTRY("t") "," ENTRY(
                                   "u") "]");
        _cleanup_(suite_freep) Suite *suite = load(directory);
        static const char *const expected[] = { "p/t", "p/t#2", "p/t#3", "p/t#4", "p/u" };
        const PackedTest *first, *second;

        ck_assert_uint_eq(suite->n_tests, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                ck_assert_str_eq(suite->tests[i]->address, expected[i]);
        ck_assert_uint_eq(suite_find_duplicate(suite, &first, &second), 0);
}
END_TEST

START_TEST(broken_entries_and_missing_programs_are_failed_tests)
{
        static const char *const errors[] = { "\"cmd\"",      "\"suite\"",     "\"workdir\"",
                                              "\"timeout\"",  "\"env\"",       "\"protocol\"",
                                              "is not built", "without a name" };

        write_file("meson-info/intro-tests.json",
                   "[{\"cmd\":[],\"name\":\"1\"},{\"cmd\":[\"/bin/true\"],\"name\":\"2\",\"suite\":[3]},"
                   "{\"cmd\":[\"/bin/true\"],\"name\":\"3\",\"workdir\":1},"
                   "{\"cmd\":[\"/bin/true\"],\"name\":\"4\",\"timeout\":\"x\"},"
                   "{\"cmd\":[\"/bin/true\"],\"name\":\"5\",\"env\":{\"A\":1}},"
                   "{\"cmd\":[\"/bin/true\"],\"name\":\"6\",\"protocol\":\"junit\"},"
                   "{\"cmd\":[\"/no/such/prog\"],\"name\":\"7\"},{\"cmd\":[\"/bin/true\"]}]");
        _cleanup_(suite_freep) Suite *suite = load(directory);

        ck_assert_uint_eq(suite->n_tests, ELEMENTSOF(errors));
        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                const char *error = packed_test_get_load_error(suite->tests[i]);

                ck_assert_msg(error && strstr(error, errors[i]),
                              "%s: %s",
                              errors[i],
                              error ?: "no error");
        }
}
END_TEST

START_TEST(depends_that_are_not_built_are_named)
{
        write_file("meson-info/intro-targets.json",
                   "[{\"id\":\"g@cus\",\"type\":\"custom\",\"filename\":[\"/no/such/file\"]},"
                   "{\"id\":\"r@run\",\"type\":\"run\",\"filename\":[\"/no/such/run\"]}]");
        write_file("meson-info/intro-tests.json",
                   "[{\"cmd\":[\"/bin/true\"],\"name\":\"a\",\"depends\":[\"g@cus\"]},"
                   "{\"cmd\":[\"/bin/true\"],\"name\":\"b\",\"depends\":[\"r@run\",\"unknown\"]}]");
        _cleanup_(suite_freep) Suite *suite = load(directory);

        ck_assert_ptr_nonnull(strstr(
                        packed_test_get_load_error(suite->tests[0]), "depends on /no/such/file"));
        ck_assert_ptr_null(packed_test_get_load_error(suite->tests[1]));
}
END_TEST

START_TEST(broken_list_is_an_error_of_the_target_and_one_failed_test_within_a_suite)
{
        static const char *const broken[] = {
                "",
                "{}",
                "[",
                "[{\"cmd\":[\"/bin/true\"],\"name\":\"a\"},",
                "[{\"cmd\":[\"/bin/true\"],\"name\":\"a\"}",
                "[1]",
                "[{]",
                "[{\"cmd\":[\"/bin/true\"],\"name\":\"a\"} {\"cmd\":[]}]",
                "nonsense",
        };

        write_file("x.suite", "[Suite]\nFrom=meson:.\n[Test other]\nExec=true\n");
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                _cleanup_problems_ LoadProblems problems = {};
                _cleanup_free_ char *file = NULL;
                Suite *none = NULL;

                write_file("meson-info/intro-tests.json", broken[i]);
                ck_assert_msg(loader_load(directory, &plain, &none, &problems) < 0,
                              "%s",
                              broken[i]);
                ck_assert_uint_eq(problems_count(&problems), 1);
                ck_assert_int_ge(asprintf(&file, "%s/x.suite", directory), 0);
                _cleanup_(suite_freep) Suite *suite = load(file);
                ck_assert_uint_eq(suite->n_tests, 2);
                ck_assert_str_eq(suite->tests[0]->address, "meson:.");
                ck_assert_ptr_nonnull(strstr(
                                packed_test_get_load_error(suite->tests[0]), "intro-tests.json"));
        }
}
END_TEST

START_TEST(malloc_perturb_is_the_same_each_time_and_the_users_word_stands)
{
        write_file("meson-info/intro-tests.json",
                   "[" ENTRY("t") ",{\"cmd\":[\"/bin/true\"],\"name\":\"e\",\"env\":{\"MALLOC_PERTURB_\":\"0\"}}]");
        _cleanup_(suite_freep) Suite *first = load(directory), *second = load(directory);
        _cleanup_(test_freep) Test *once = unpack(first, 0), *again = unpack(second, 0),
                                   *set = unpack(first, 1);
        const char *value = find_env(once, "MALLOC_PERTURB_")->value;

        ck_assert_str_eq(value, find_env(again, "MALLOC_PERTURB_")->value);
        ck_assert_int_ge(atoi(value), 1);
        ck_assert_int_le(atoi(value), 255);
        ck_assert_str_eq(set->env[set->n_env - 1].value, "0");

        ck_assert_int_eq(setenv("MALLOC_PERTURB_", "7", 1), 0);
        _cleanup_(suite_freep) Suite *third = load(directory);
        _cleanup_(test_freep) Test *unset = unpack(third, 0);
        ck_assert_ptr_null(find_env(unset, "MALLOC_PERTURB_"));
}
END_TEST

/* By meson itself, of the meson.build that was written: the directory */
static char *set_up_build(void) {
        _cleanup_free_ char *command = NULL;
        char *build;

        ck_assert_int_ge(
                        asprintf(&command,
                                 "cd %s && rm -r meson-info && meson setup b >/dev/null 2>&1",
                                 directory),
                        0);
        ck_assert_int_eq(system(command), 0);
        ck_assert_int_ge(asprintf(&build, "%s/b", directory), 0);
        return build;
}

/* What only meson's pickles say. Without a meson in $PATH there is none who could have set up this build. */
START_TEST(helper_knows_should_fail_and_changes_of_the_environment)
{
        _cleanup_free_ char *build = NULL;

        write_file("meson.build",
                   "project('demo')\n"
                   "e = environment()\n"
                   "e.append('PATH', '/opt/x')\n"
                   "e.prepend('FOO', '1', '2', separator: ',')\n"
                   "t = find_program('true')\n"
                   "test('fails', t, should_fail: true, priority: 1)\n"
                   "test('env', t, env: e)\n");
        build = set_up_build();
        _cleanup_(suite_freep) Suite *suite = load(build);
        _cleanup_(test_freep) Test *fails = unpack(suite, 0), *env = unpack(suite, 1);

        ck_assert_str_eq(suite->name, "demo");
        ck_assert_str_eq(fails->address, "demo/fails");
        ck_assert(fails->should_fail);
        ck_assert(!env->should_fail);
        ck_assert_int_eq(find_env(env, "PATH")->kind, ENV_OP_APPEND);
        ck_assert_int_eq(find_env(env, "FOO")->kind, ENV_OP_PREPEND);
        ck_assert_str_eq(find_env(env, "FOO")->value, "1,2");
        ck_assert_str_eq(find_env(env, "FOO")->separator, ",");

        /* Another one than the JSON was made with: then PATH is prepended, not replaced. */
        write_file("b/meson-private/meson_test_setup.dat", "garbage");
        _cleanup_(suite_freep) Suite *without = load(build);
        _cleanup_(test_freep) Test *guessed = unpack(without, 1);
        ck_assert_int_eq(find_env(guessed, "PATH")->kind, ENV_OP_PREPEND);
        ck_assert_int_eq(find_env(guessed, "FOO")->kind, ENV_OP_SET);

        _cleanup_problems_ LoadProblems problems = {};
        Suite *none = NULL;
        ck_assert_int_lt(loader_load(directory, &plain, &none, &problems), 0);
        ck_assert_ptr_nonnull(strstr(problems.lines[0], "build directory"));
}
END_TEST

/* "meson test" applies it without being asked to. */
START_TEST(default_setup_is_applied)
{
        _cleanup_free_ char *build = NULL;

        write_file("meson.build",
                   "project('demo')\n"
                   "t = find_program('true')\n"
                   "test('plain', t, timeout: 10, env: ['FOO=own'])\n"
                   "test('endless', t, timeout: 0)\n"
                   "test('left-out', t, suite: 'slow')\n"
                   "add_test_setup('other', timeout_multiplier: 7)\n"
                   "add_test_setup('usual', is_default: true, timeout_multiplier: 3, exclude_suites: 'slow',\n"
                   "               exe_wrapper: ['env', 'WRAPPED=1'], env: ['FOO=setup', 'BAR=setup'])\n");
        build = set_up_build();

        _cleanup_(suite_freep) Suite *suite = load(build);
        ck_assert_uint_eq(suite->n_tests, 2);
        _cleanup_(test_freep) Test *one = unpack(suite, 0), *endless = unpack(suite, 1);

        ck_assert_ptr_null(one->load_error);
        ck_assert_str_eq(path_basename(one->argv[0]), "env");
        ck_assert_str_eq(one->argv[1], "WRAPPED=1");
        ck_assert_str_eq(path_basename(one->argv[2]), "true");
        ck_assert_uint_eq(one->timeout_usec, 30 * USEC_PER_SEC);
        ck_assert_uint_eq(endless->timeout_usec, USEC_INFINITY);
        ck_assert_str_eq(find_env(one, "BAR")->value, "setup");
        /* What the test says itself comes later. */
        ck_assert_str_eq(find_env(one, "FOO")->value, "setup");
        ck_assert_str_eq(one->env[one->n_env - 1].name, "FOO");
        ck_assert_str_eq(one->env[one->n_env - 1].value, "own");

        /* Without the pickles nothing is left out, and what is not known is told. */
        write_file("b/meson-private/build.dat", "garbage");
        _cleanup_(suite_freep) Suite *without = load(build);
        ck_assert_uint_eq(without->n_tests, 3);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("loader-source-meson");
        TCase *tcase = tcase_create("core");

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, fields_all_arrive);
        tcase_add_test(tcase, names_that_are_not_unique_get_numbers);
        tcase_add_test(tcase, broken_entries_and_missing_programs_are_failed_tests);
        tcase_add_test(tcase, depends_that_are_not_built_are_named);
        tcase_add_test(tcase,
                       broken_list_is_an_error_of_the_target_and_one_failed_test_within_a_suite);
        tcase_add_test(tcase, malloc_perturb_is_the_same_each_time_and_the_users_word_stands);
        tcase_add_test(tcase, helper_knows_should_fail_and_changes_of_the_environment);
        tcase_add_test(tcase, default_setup_is_applied);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
