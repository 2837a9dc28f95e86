/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Modules, by a corpus of listings: tests/data/loader/modules/y_*.so load, n_*.so are one test that failed
 *
 * They are no modules: a script stands for ptest-worker, and prints them or does what they say. Beside each stands
 * NAME.expect: for good ones all that the suite consists of; for bad ones a part of the load_error.
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
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/module-helper.h"
#include "loader/problems.h"
#include "loader/source.h"
#include "test-runner.h"

static char *data_path(const char *relative) {
        char *path = NULL;
        const char *data = getenv("PTEST_TEST_DATA");

        ck_assert_ptr_nonnull(data);
        ck_assert_int_ge(asprintf(&path, "%s/loader/modules/%s", data, relative), 0);
        return path;
}

static LoadOptions options_new(void) {
        return (LoadOptions){ .timeout_multiplier = 1.0, .worker = data_path("worker") };
}

static Suite *load(const char *target, const LoadOptions *options) {
        _cleanup_problems_ LoadProblems problems = {};
        Suite *suite = NULL;
        int r = loader_load(target, options, &suite, &problems);

        ck_assert_msg(r == 0, "%s: %s", target, problems.lines ? problems.lines[0] : strerror(-r));
        return suite;
}

static char *read_expected(const char *path) {
        _cleanup_free_ char *expect = NULL;
        char *text = NULL;
        size_t size;

        ck_assert_int_ge(
                        asprintf(&expect, "%.*s.expect", (int)(strlen(path) - strlen(".so")), path),
                        0);
        ck_assert_msg(file_read(expect, 65536, &text, &size) >= 0, "%s is missing", expect);
        return text;
}

/* ---- A suite as text ---- */

static const char *context_name(const Suite *suite, uint32_t number) {
        return number == CONTEXT_NONE ? "-" : suite->contexts[number - 1]->name;
}

static void print_place(FILE *f, const char *source, unsigned line, const char *description) {
        fprintf(f, " %s:%u", source ?: "-", line);
        if (description)
                fprintf(f, " \"%s\"", description);
}

static void print_test(FILE *f, const Suite *suite, const char *kind, const PackedTest *packed) {
        _cleanup_(test_freep) Test *test = NULL;

        ck_assert_int_eq(packed_test_unpack(packed, &test), 0);
        ck_assert_msg(!test->load_error, "%s: %s", test->address, test->load_error);
        ck_assert_int_eq(test->protocol, TEST_PROTOCOL_MODULE);
        ck_assert_uint_eq(strv_length(test->argv), 2);
        ck_assert_int_eq(test->argv[0][0], '/');
        /* What the module calls it is the end of its address. */
        ck_assert(text_ends_with(test->address, test->argv[1]));
        ck_assert(!test->should_fail);
        fprintf(f,
                "%s %s in %s %ju %d",
                kind,
                test->address,
                context_name(suite, test->context),
                (uintmax_t)test->timeout_usec,
                test->priority);
        print_place(f, test->source, test->line, test->description);
        fprintf(f, "%s%s", test->exclusive ? " exclusive" : "", test->isolate ? " isolated" : "");
        strv_for_each(tag, test->tags)
                fprintf(f, " %s", *tag);
        fputc('\n', f);
}

static void check_fixture(const Context *context, const Test *fixture) {
        ck_assert_ptr_nonnull(fixture);
        ck_assert_int_eq(fixture->protocol, TEST_PROTOCOL_MODULE);
        ck_assert_uint_eq(strv_length(fixture->argv), 2);
        ck_assert(text_ends_with(context->name, fixture->argv[1]));
}

static void print_context(FILE *f, const Suite *suite, const Context *context) {
        check_fixture(context, context->set_up);
        check_fixture(context, context->tear_down);
        fprintf(f,
                "context %s in %s %s %ju %ju",
                context->name,
                context_name(suite, context->parent),
                context_mode_to_string(context->mode),
                (uintmax_t)context->set_up->timeout_usec,
                (uintmax_t)context->tear_down->timeout_usec);
        print_place(f, context->source, context->line, context->description);
        fputc('\n', f);
}

static char *suite_to_text(const Suite *suite) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(f);
        for (size_t i = 0; i < suite->n_contexts; i++)
                print_context(f, suite, suite->contexts[i]);
        for (size_t i = 0; i < suite->n_tests; i++)
                print_test(f, suite, "test", suite->tests[i]);
        for (size_t i = 0; i < suite->n_templates; i++)
                print_test(f, suite, "template", suite->templates[i]);
        ck_assert_int_eq(fclose(f), 0);
        return text;
}

/* ---- The corpus ---- */

static void check_good(const char *path, const LoadOptions *options) {
        _cleanup_(suite_freep) Suite *suite = load(path, options);
        _cleanup_free_ char *expected = read_expected(path), *got = suite_to_text(suite);

        ck_assert_str_eq(got, expected);
}

static void check_bad(const char *path, const LoadOptions *options) {
        _cleanup_(suite_freep) Suite *suite = load(path, options);
        _cleanup_free_ char *expected = read_expected(path);
        _cleanup_(test_freep) Test *test = NULL;

        ck_assert_uint_eq(suite->n_tests, 1);
        ck_assert_uint_eq(suite->n_contexts, 0);
        ck_assert_uint_eq(suite->n_templates, 0);
        ck_assert_int_eq(packed_test_unpack(suite->tests[0], &test), 0);
        ck_assert_str_eq(test->address, path_basename(path));
        ck_assert_ptr_nonnull(test->load_error);
        ck_assert_msg(strstr(test->load_error, text_strip(expected)),
                      "got:      %s\nexpected: %s",
                      test->load_error,
                      expected);
}

START_TEST(corpus_loads_or_is_one_failed_test)
{
        const LoadOptions options = options_new();
        _cleanup_free_ char *directory = data_path("");
        DIR *dir = opendir(directory);
        unsigned good = 0, bad = 0;

        ck_assert_ptr_nonnull(dir);
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;

                if (!text_ends_with(entry->d_name, ".so") ||
                    strcmp(entry->d_name, "n_hang.so") == 0)
                        continue;
                ck_assert_int_eq(path_join(directory, entry->d_name, &path), 0);
                if (text_starts_with(entry->d_name, "y_")) {
                        check_good(path, &options);
                        good++;
                } else {
                        check_bad(path, &options);
                        bad++;
                }
        }
        closedir(dir);
        /* A corpus that is not found must not pass. */
        ck_assert_uint_ge(good, 4);
        ck_assert_uint_ge(bad, 25);
        free((char *)options.worker);
}
END_TEST

/* ---- One that hangs, with a process that hides ---- */

START_TEST(one_that_hangs_is_ended_with_all_it_started)
{
        LoadOptions options = options_new();
        _cleanup_free_ char *path = data_path("n_hang.so"), *text = NULL;
        char mark[] = "/tmp/ptest-hang-XXXXXX";
        _cleanup_close_ int fd = mkstemp(mark);
        size_t size = 0;
        unsigned pid;
        char state;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(setenv("MARK", mark, 1), 0);
        options.timeout_usec = USEC_PER_SEC; /* the least is 5 s */
        /* Where the machine stands still it may be ended before it has started anything. */
        for (unsigned i = 0; i < 10 && size == 0; i++) {
                free(TAKE_PTR(text));
                check_bad(path, &options);
                ck_assert_int_eq(file_read(mark, 100, &text, &size), 0);
        }
        ck_assert_int_eq(unlink(mark), 0);
        ck_assert_int_eq(parse_unsigned(text_strip(text), UINT32_MAX, &pid), 0);
        /* Killed it is; when it is reaped is its new parent's business. */
        for (unsigned i = 0; i < 20000; i++) {
                if (process_get_state((pid_t)pid, &state) < 0 || state == 'Z')
                        break;
                usleep(10 * 1000);
        }
        ck_assert(process_get_state((pid_t)pid, &state) == -ESRCH || state == 'Z');
        free((char *)options.worker);
}
END_TEST

START_TEST(signal_ends_the_loading)
{
        const LoadOptions options = options_new();
        _cleanup_(suite_freep) Suite *suite = NULL;
        _cleanup_free_ char *path = data_path("n_hang.so");
        _cleanup_(test_freep) Test *test = NULL;
        sigset_t set;

        /* As "ptest run" has it: the signal is blocked until the run has begun. */
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, &set, NULL), 0);
        ck_assert_int_eq(setenv("MARK", "/dev/null", 1), 0);
        ck_assert_int_eq(raise(SIGINT), 0);

        suite = load(path, &options);
        ck_assert_uint_eq(suite->n_tests, 1);
        ck_assert_int_eq(packed_test_unpack(suite->tests[0], &test), 0);
        ck_assert_ptr_nonnull(strstr(test->load_error, "interrupted as it was loaded"));

        /* The other tests may run in this process. */
        ck_assert_int_eq(sigwaitinfo(&set, NULL), SIGINT);
        ck_assert_int_eq(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
        free((char *)options.worker);
}
END_TEST

START_TEST(without_a_worker_it_says_so)
{
        const LoadOptions options = { .timeout_multiplier = 1.0 };
        _cleanup_free_ char *path = data_path("y_plain.so");
        _cleanup_(suite_freep) Suite *suite = load(path, &options);

        ck_assert_uint_eq(suite->n_tests, 1);
        ck_assert_ptr_nonnull(
                        strstr(packed_test_get_load_error(suite->tests[0]),
                               "ptest-worker, which loads modules, was not found"));
}
END_TEST

/* ---- In suite files ---- */

static Suite *load_text(const char *text, char ***ret_problems) {
        const LoadOptions options = options_new();
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_free_ char *modules = data_path(""), *path = NULL;
        char directory[] = "/tmp/ptest-loader-XXXXXX";
        Suite *suite = NULL;
        int r;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_ge(asprintf(&path, "%s/modules", directory), 0);
        ck_assert_int_eq(symlink(modules, path), 0);
        ck_assert_int_eq(text_setf(&path, "%s/x.suite", directory), 0);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
        fd_close(fd);

        r = loader_load(path, &options, &suite, &problems);
        ck_assert_int_eq(dir_remove(directory), 0);
        free((char *)options.worker);
        if (ret_problems) {
                ck_assert_int_lt(r, 0);
                *ret_problems = TAKE_PTR(problems.lines);
                return NULL;
        }
        ck_assert_msg(r == 0, "%s", problems.lines ? problems.lines[0] : strerror(-r));
        return suite;
}

static Test *find_test(const Suite *suite, const char *address) {
        for (size_t i = 0; i < suite->n_tests + suite->n_templates; i++) {
                const PackedTest *packed = i < suite->n_tests ?
                                suite->tests[i] :
                                suite->templates[i - suite->n_tests];
                Test *test = NULL;

                if (strcmp(packed->address, address) != 0)
                        continue;
                ck_assert_int_eq(packed_test_unpack(packed, &test), 0);
                return test;
        }
        ck_abort_msg("no test %s", address);
        return NULL;
}

static const Context *find_context(const Suite *suite, const char *name) {
        for (size_t i = 0; i < suite->n_contexts; i++)
                if (strcmp(suite->contexts[i]->name, name) == 0)
                        return suite->contexts[i];
        ck_abort_msg("no context %s", name);
        return NULL;
}

static const char *find_env(const Test *test, const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < test->n_env; i++)
                if (strcmp(test->env[i].name, name) == 0)
                        value = test->env[i].value;
        return value;
}

START_TEST(match_changes_tests_and_templates)
{
        _cleanup_(suite_freep) Suite *suite = load_text(
                        "[Suite]\nFrom=module:modules/y_plain.so\nTimeoutSec=7\nTimeoutMultiplier=2\n"
                        "[Match y_plain::first]\nIsolation=process\nTags=quick\nPriority=5\n"
                        "[Match *::made]\nTimeoutSec=3\n",
                        NULL);
        _cleanup_(test_freep) Test *first = find_test(suite, "y_plain::first");
        _cleanup_(test_freep) Test *made = find_test(suite, "y_plain::outer::made");
        _cleanup_(test_freep) Test *second = find_test(suite, "y_plain::inner::second");

        ck_assert(first->isolate);
        ck_assert_uint_eq(first->timeout_usec, 14 * USEC_PER_SEC);
        ck_assert_int_eq(first->priority, 5);
        ck_assert_uint_eq(made->timeout_usec, 6 * USEC_PER_SEC);
        ck_assert_uint_eq(second->timeout_usec, 4 * USEC_PER_SEC);
        ck_assert_uint_eq(
                        find_context(suite, "y_plain::outer")->set_up->timeout_usec,
                        14 * USEC_PER_SEC);
}
END_TEST

START_TEST(contexts_of_a_module_go_into_one_of_the_file)
{
        _cleanup_(suite_freep) Suite *suite = load_text(
                        "[Suite]\nFrom=module:modules/y_plain.so\nEnvironment=A=1\n"
                        "[Context around]\nMode=shared\nSetUp=/bin/true\nEnvironment=B=2\nIsolation=process\n"
                        "[Match y_plain::*]\nContext=around\nEnvironment=C=3\n"
                        "[Match y_plain::row*]\nIsolation=none\n",
                        NULL);
        const Context *outer = find_context(suite, "y_plain::outer");
        _cleanup_(test_freep) Test *first = find_test(suite, "y_plain::first");
        _cleanup_(test_freep) Test *second = find_test(suite, "y_plain::inner::second");
        _cleanup_(test_freep) Test *row = find_test(suite, "y_plain::row[with spaces]");

        ck_assert_uint_eq(suite->n_contexts, 3);
        ck_assert_uint_eq(outer->parent, 1);
        ck_assert_str_eq(
                        suite->contexts[find_context(suite, "y_plain::outer::inner")->parent - 1]
                                        ->name,
                        "y_plain::outer");
        ck_assert_uint_eq(first->context, 1);
        ck_assert(first->isolate);
        ck_assert(!row->isolate);
        ck_assert_str_eq(suite->contexts[second->context - 1]->name, "y_plain::outer::inner");

        /* The fixtures run where the tests do. */
        const Test *const all[] = { first, second, outer->set_up, outer->tear_down };
        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                ck_assert_uint_eq(all[i]->n_env, 3);
                ck_assert_str_eq(find_env(all[i], "A"), "1");
                ck_assert_str_eq(find_env(all[i], "B"), "2");
                ck_assert_str_eq(find_env(all[i], "C"), "3");
        }
}
END_TEST

static void check_problem(const char *text, const char *expected) {
        _cleanup_strv_ char **problems = NULL;

        load_text(text, &problems);
        ck_assert_uint_eq(strv_length(problems), 1);
        ck_assert_msg(strstr(problems[0], expected),
                      "got: %s, expected: %s",
                      problems[0],
                      expected);
}

START_TEST(half_a_context_is_refused)
{
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "[Context around]\nMode=shared\n"
                      "[Match *::second]\nContext=around\n",
                      "x.suite:5: [Match *::second] gives a Context to some of the tests in the context y_plain::outer (b.c:2) and not to all");
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "[Match *::second]\nEnvironment=X=1\n",
                      "x.suite:3: [Match *::second] gives an Environment or a WorkingDirectory to some of the tests in the context y_plain::outer");
}
END_TEST

START_TEST(shared_in_split_names_both)
{
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "[Context around]\nMode=split\n"
                      "[Match *]\nContext=around\n",
                      "b.c:2: [Context y_plain::outer] is shared and nested in a split one, around (");
}
END_TEST

START_TEST(what_cannot_be_of_a_module_is_refused)
{
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "[Match *::first]\nProtocol=tap\n",
                      "x.suite:3: [Match *::first] gives a Protocol to y_plain::first");
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "[Context y_plain::outer]\nMode=whole\n",
                      "x.suite:3: [Context y_plain::outer] has the name of a context of a module, at b.c:2");
        check_problem("[Suite]\nFrom=module:modules/y_plain.so\n"
                      "From=module:modules/y_ends-badly.so\nFrom=module:modules/y_ends-badly.so\n",
                      "the address y_ends-badly::t is there already");
}
END_TEST

START_TEST(broken_module_leaves_the_others)
{
        _cleanup_(suite_freep) Suite *suite = load_text(
                        "[Suite]\nFrom=module:modules/n_crash.so\nFrom=module:modules/y_plain.so\n"
                        "[Match n_crash::*]\nTimeoutSec=1\n",
                        NULL);
        _cleanup_(test_freep) Test *broken = find_test(suite, "module:modules/n_crash.so");

        ck_assert_uint_eq(suite->n_tests, 4);
        ck_assert_ptr_nonnull(strstr(broken->load_error, "ended by SIGSEGV as it was loaded"));
}
END_TEST

START_TEST(equal_names_are_told_apart)
{
        char directory[] = "/tmp/ptest-modules-XXXXXX";
        _cleanup_free_ char *from = data_path("y_prints.so"), *to = NULL, *text = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        ck_assert_int_ge(asprintf(&to, "%s/y_prints.so", directory), 0);
        ck_assert_int_eq(symlink(from, to), 0);
        ck_assert_int_ge(
                        asprintf(&text,
                                 "[Suite]\nFrom=module:modules/y_prints.so\nFrom=module:%s\n",
                                 to),
                        0);

        _cleanup_(suite_freep) Suite *suite = load_text(text, NULL);
        ck_assert_int_eq(dir_remove(directory), 0);
        ck_assert_uint_eq(suite->n_tests, 2);
        ck_assert_str_eq(suite->tests[0]->address, "y_prints::t");
        ck_assert_str_eq(suite->tests[1]->address, "y_prints#2::t");
}
END_TEST

START_TEST(merging_moves_contexts_and_templates)
{
        const LoadOptions options = options_new();
        _cleanup_free_ char *path = data_path("y_plain.so");
        _cleanup_problems_ LoadProblems problems = {};
        Suite *suites[] = { load(path, &options), load(path, &options) }, *merged = NULL;

        suites[1]->settings.recycle_after = 9;
        ck_assert_int_eq(suite_merge(suites, 2, &merged, &problems), 0);
        ck_assert_uint_eq(merged->n_tests, 6);
        ck_assert_uint_eq(merged->n_templates, 2);
        ck_assert_uint_eq(merged->n_contexts, 4);
        ck_assert_uint_eq(merged->settings.recycle_after, 9);
        ck_assert_str_eq(merged->templates[1]->address, "y_plain#2/y_plain::outer::made");
        ck_assert_uint_eq(merged->templates[1]->traits->context, 4);
        ck_assert_str_eq(merged->contexts[3]->name, "y_plain#2/y_plain::outer");
        ck_assert_uint_eq(merged->contexts[2]->parent, 4);
        ck_assert_str_eq(merged->contexts[3]->set_up->address, "y_plain#2/y_plain::outer (set-up)");

        suite_free(merged);
        suite_free(suites[0]);
        suite_free(suites[1]);
        free((char *)options.worker);
}
END_TEST

START_TEST(merging_needs_one_worker_set_up)
{
        const LoadOptions options = options_new();
        _cleanup_free_ char *path = data_path("y_none.so");
        _cleanup_problems_ LoadProblems problems = {};
        Suite *suites[] = { load(path, &options), load(path, &options) }, *merged = NULL;

        suites[1]->settings.worker_set_up = strdup("/x.so");
        ck_assert_int_eq(suite_merge(suites, 2, &merged, &problems), -EINVAL);
        ck_assert_ptr_nonnull(strstr(problems.lines[0], "WorkerSetUp"));
        suite_free(suites[0]);
        suite_free(suites[1]);
        free((char *)options.worker);
}
END_TEST

START_TEST(command_line_stands_above_isolation)
{
        LoadOptions options = options_new();
        _cleanup_free_ char *path = data_path("y_plain.so");

        options.isolation = LOAD_ISOLATION_PROCESS;
        _cleanup_(suite_freep) Suite *suite = load(path, &options);
        for (size_t i = 0; i < suite->n_tests; i++)
                ck_assert(suite->tests[i]->traits->isolate);
        free((char *)options.worker);
}
END_TEST

START_TEST(files_are_recognised)
{
        static const struct {
                const char *name, *content;
                bool recognised;
        } files[] = {
                {"a.so",      "",        true },
                { "a.so.1.2", "",        true },
                { "a.some",   "",        false},
                { ".so",      "",        false},
                { "a",        "\177ELF", false},
                { "a.suite",  "",        false},
        };
        char directory[] = "/tmp/ptest-recognise-XXXXXX";

        ck_assert_ptr_nonnull(mkdtemp(directory));
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = NULL;

                ck_assert_int_eq(path_join(directory, files[i].name, &path), 0);
                _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                ck_assert_int_eq(fd_write_all(fd, files[i].content, strlen(files[i].content)), 0);
                ck_assert_msg(source_module.recognise(path) == files[i].recognised, "%s", path);
        }
        ck_assert_int_eq(dir_remove(directory), 0);
        /* A program, and a directory */
        ck_assert(!source_module.recognise("/proc/self/exe"));
        ck_assert(!source_module.recognise("/tmp"));
}
END_TEST

static Suite *suite_make(void) {
        Suite *suite = suite_create("loader-source-module");
        TCase *corpus = tcase_create("corpus"), *files = tcase_create("files");

        tcase_add_test(corpus, corpus_loads_or_is_one_failed_test);
        tcase_add_test(corpus, one_that_hangs_is_ended_with_all_it_started);
        tcase_add_test(corpus, signal_ends_the_loading);
        tcase_add_test(corpus, without_a_worker_it_says_so);
        suite_add_tcase(suite, corpus);
        tcase_add_test(files, match_changes_tests_and_templates);
        tcase_add_test(files, contexts_of_a_module_go_into_one_of_the_file);
        tcase_add_test(files, half_a_context_is_refused);
        tcase_add_test(files, shared_in_split_names_both);
        tcase_add_test(files, what_cannot_be_of_a_module_is_refused);
        tcase_add_test(files, broken_module_leaves_the_others);
        tcase_add_test(files, equal_names_are_told_apart);
        tcase_add_test(files, merging_moves_contexts_and_templates);
        tcase_add_test(files, merging_needs_one_worker_set_up);
        tcase_add_test(files, command_line_stands_above_isolation);
        tcase_add_test(files, files_are_recognised);
        suite_add_tcase(suite, files);
        return suite;
}

int main(void) {
        return suite_run(suite_make());
}
