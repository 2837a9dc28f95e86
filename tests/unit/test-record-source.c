/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "record/recorder.h"
#include "test-record-sample.h"
#include "test-runner.h"

static char directory[] = "/tmp/ptest-unit-XXXXXX";

static void setup(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static sd_id128_t id_from(const char *s) {
        sd_id128_t id;

        ck_assert_int_eq(sd_id128_from_string(s, &id), 0);
        return id;
}

/* A run of one event, written at that time. */
static void make_run(const char *suite, const char *id, time_t written) {
        struct timespec times[2] = { { .tv_sec = written }, { .tv_sec = written } };
        Recorder *recorder;
        Event *event;

        ck_assert_int_eq(recorder_new(directory, suite, id_from(id), false, &recorder), 0);
        ck_assert_int_eq(event_new(EVENT_RUN_STARTED, id_from(id), suite, &event), 0);
        event->time_usec = 1;
        ck_assert_int_eq(recorder_write(recorder, event), 0);
        ck_assert_int_eq(recorder_sync(recorder), 0);
        ck_assert_uint_eq(recorder_get_journal_lost(recorder), 0);
        ck_assert_int_eq(utimensat(AT_FDCWD, recorder_get_path(recorder), times, 0), 0);
        event_free(event);
        recorder_free(recorder);
}

/* The first two digits of the run's id that is found, or the error */
static int find(const char *run) {
        SourceOptions options = { .run = run, .state_dir = directory };
        char *problem = NULL;
        Source *source;
        Event *event;
        int r;

        r = source_open(&options, &source, &problem);
        ck_assert(!problem == (r >= 0));
        free(problem);
        if (r < 0)
                return r;
        ck_assert_int_eq(source_read(source, &event), 1);
        r = event->run_id.bytes[0];
        event_free(event);
        ck_assert_int_eq(source_read(source, &event), 0);
        ck_assert_ptr_null(source_get_problems(source));
        source_free(source);
        return r;
}

START_TEST(source_finds_runs_by_what_users_say)
{
        char path[200];

        ck_assert_int_eq(find(NULL), -ENOENT);
        make_run("glib", "11223344556677889900112233445566", 1000);
        make_run("gtk", "2222aaaa556677889900112233445566", 3000);
        make_run("glib", "2222bbbb556677889900112233445566", 2000);
        make_run("a/b", "4422bbbb556677889900112233445566", 500);
        make_run("2222", "5522bbbb556677889900112233445566", 400);

        ck_assert_int_eq(find(NULL), 0x22);
        ck_assert_int_eq(find("last"), 0x22);
        ck_assert_int_eq(find("1122"), 0x11);
        ck_assert_int_eq(find("112233445566778899001122334455660"), -ENOENT);
        ck_assert_int_eq(find("112"), -ENOENT);
        ck_assert_int_eq(find("a/b"), -ENOENT); /* with a slash it is a path */
        ck_assert_int_eq(find("2222"), 0x55);   /* a suite's name first */
        ck_assert_int_eq(find("2222b"), 0x22);
        ck_assert_int_eq(find("gtk"), 0x22);
        make_run("测试", "6622bbbb556677889900112233445566", 300);
        make_run("示例", "7722bbbb556677889900112233445566", 200);
        make_run("\xff\xe6[$]", "8822bbbb556677889900112233445566", 100);
        ck_assert_int_eq(find("测试"), 0x66);
        ck_assert_int_eq(find("示例"), 0x77);
        ck_assert_int_eq(find("\xff\xe6[$]"), 0x88);
        ck_assert_int_eq(find("______"), -ENOENT);
        ck_assert_int_eq(find("gt"), -ENOENT);
        snprintf(path,
                 sizeof(path),
                 "%s/runs/glib-11223344556677889900112233445566.export",
                 directory);
        ck_assert_int_eq(find(path), 0x11);
        snprintf(path, sizeof(path), "%s/runs/none.export", directory);
        ck_assert_int_eq(find(path), -ENOENT);
        ck_assert_int_eq(find(directory), -EISDIR);
}
END_TEST

START_TEST(source_ambiguous_id_names_the_runs)
{
        SourceOptions options = { .run = "2222", .state_dir = directory };
        char *problem = NULL;
        Source *source;

        make_run("x", "2222aaaa556677889900112233445566", 3000);
        make_run("y", "2222bbbb556677889900112233445566", 2000);
        ck_assert_int_eq(source_open(&options, &source, &problem), -ENOTUNIQ);
        ck_assert_ptr_nonnull(strstr(problem, "2222aaaa"));
        ck_assert_ptr_nonnull(strstr(problem, "2222bbbb"));
        free(problem);
}
END_TEST

START_TEST(source_gives_what_the_recorder_took)
{
        SourceOptions options = { .state_dir = directory };
        char *problem = NULL;
        Recorder *recorder;
        sd_id128_t id;
        Source *source;
        Event *event;

        sample_seed(7);
        id = sample_run_id();
        ck_assert_int_eq(recorder_new(directory, "sample", id, false, &recorder), 0);
        for (unsigned i = 0; i < 300; i++) {
                event = sample_event_of_run((EventKind)(i % EVENT_KIND_MAX), id);
                ck_assert_int_eq(recorder_write(recorder, event), 0);
                event_free(event);
        }
        recorder_free(recorder);

        sample_seed(7);
        id = sample_run_id();
        ck_assert_int_eq(source_open(&options, &source, &problem), 0);
        for (unsigned i = 0; i < 300; i++) {
                Event *expected = sample_event_of_run((EventKind)(i % EVENT_KIND_MAX), id);

                ck_assert_int_eq(source_read(source, &event), 1);
                assert_event(expected, event);
                event_free(expected);
                event_free(event);
        }
        ck_assert_int_eq(source_read(source, &event), 0);
        source_free(source);
}
END_TEST

START_TEST(source_foreign_records_are_left_out_and_told)
{
        static const char tail[] = "MESSAGE=alien\n\nCUT=";
        SourceOptions options = { .state_dir = directory };
        char *problem = NULL, path[200], *other;
        Source *source;
        Event *event;
        size_t size;
        FILE *f;

        make_run("x", "2222aaaa556677889900112233445566", 3000);
        snprintf(path,
                 sizeof(path),
                 "%s/runs/x-2222aaaa556677889900112233445566.export",
                 directory);
        ck_assert_int_eq(file_read(path, 100000, &other, &size), 0);
        make_run("y", "3333aaaa556677889900112233445566", 4000);
        snprintf(path,
                 sizeof(path),
                 "%s/runs/y-3333aaaa556677889900112233445566.export",
                 directory);
        f = fopen(path, "ae");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(other, 1, size, f), size);
        ck_assert_uint_eq(fwrite(tail, 1, strlen(tail), f), strlen(tail));
        fclose(f);
        free(other);

        ck_assert_int_eq(source_open(&options, &source, &problem), 0);
        ck_assert_int_eq(source_read(source, &event), 1);
        ck_assert_uint_eq(event->run_id.bytes[0], 0x33);
        event_free(event);
        ck_assert_int_eq(source_read(source, &event), 0);
        /* The entry of the other run; and what stands behind it, which is damaged up to the end. */
        ck_assert_uint_eq(strv_length(source_get_problems(source)), 2);
        source_free(source);
}
END_TEST

START_TEST(state_list_is_latest_first_and_ignores_other_files)
{
        StateRuns runs;
        char path[200];

        ck_assert_int_eq(state_list_runs(directory, &runs), 0);
        ck_assert_uint_eq(runs.n_runs, 0);
        state_runs_done(&runs);
        make_run("a/b", "4422bbbb556677889900112233445566", 500);
        make_run("..", "5522bbbb556677889900112233445566", 600);
        snprintf(path, sizeof(path), "%s/runs/README", directory);
        fclose(fopen(path, "we"));
        snprintf(path, sizeof(path), "%s/runs/x-11.export", directory);
        fclose(fopen(path, "we"));

        ck_assert_int_eq(state_list_runs(directory, &runs), 0);
        ck_assert_uint_eq(runs.n_runs, 2);
        ck_assert_str_eq(runs.runs[0].run_id, "5522bbbb556677889900112233445566");
        ck_assert_str_eq(runs.runs[1].suite, "a_b");
        ck_assert(state_run_is_of_suite(runs.runs + 1, "a/b"));
        ck_assert(!state_run_is_of_suite(runs.runs + 1, "a"));
        state_runs_done(&runs);
}
END_TEST

START_TEST(state_dir_follows_the_environment)
{
        char *dir, expected[200];

        setenv("STATE_DIRECTORY", directory, 1);
        ck_assert_int_eq(state_dir_get(&dir), 0);
        ck_assert_str_eq(dir, directory);
        free(dir);

        /* Several directories of a unit; not there before */
        snprintf(expected, sizeof(expected), "%s/one:/nowhere", directory);
        setenv("STATE_DIRECTORY", expected, 1);
        ck_assert_int_eq(state_dir_get(&dir), 0);
        snprintf(expected, sizeof(expected), "%s/one", directory);
        ck_assert_str_eq(dir, expected);
        ck_assert(path_is_directory(expected));
        free(dir);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-source");
        TCase *tcase = tcase_create("source");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, source_finds_runs_by_what_users_say);
        tcase_add_test(tcase, source_ambiguous_id_names_the_runs);
        tcase_add_test(tcase, source_gives_what_the_recorder_took);
        tcase_add_test(tcase, source_foreign_records_are_left_out_and_told);
        tcase_add_test(tcase, state_list_is_latest_first_and_ignores_other_files);
        tcase_add_test(tcase, state_dir_follows_the_environment);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
