/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/prune.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

static sd_id128_t make_id(unsigned number) {
        return (sd_id128_t){
                .bytes = {0xab, (uint8_t)number}
        };
}

static Event *make_event(EventKind kind, const char *suite, unsigned number) {
        Event *event;

        ck_assert_int_eq(event_new(kind, make_id(number), suite, &event), 0);
        event->time_usec = 1000 * number;
        return event;
}

/* A run that is being written, which others see. */
static Recorder *start_run(const char *suite, unsigned number, unsigned resumes) {
        Event *event = make_event(EVENT_RUN_STARTED, suite, number);
        Recorder *recorder;

        if (resumes > 0)
                event->run_started.resumes = make_id(resumes);
        ck_assert_int_eq(recorder_new(directory, suite, make_id(number), false, &recorder), 0);
        ck_assert_int_eq(recorder_write(recorder, event), 0);
        event_free(event);
        return recorder;
}

static void set_time(const char *path, unsigned number) {
        struct timespec times[2] = { { .tv_sec = number }, { .tv_sec = number } };

        ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A run that ended, or that died. */
static void make_run(const char *suite, unsigned number, bool died) {
        Recorder *recorder = start_run(suite, number, 0);
        Event *event = make_event(EVENT_RUN_FINISHED, suite, number);

        if (!died)
                ck_assert_int_eq(recorder_finish(recorder, event), 0);
        set_time(recorder_get_path(recorder), number);
        event_free(event);
        recorder_free(recorder);
}

static bool run_is_there(const char *suite, unsigned number) {
        char path[200], id[SD_ID128_STRING_MAX];
        bool there = false;

        for (unsigned i = 0; i < 2; i++) {
                snprintf(path,
                         sizeof(path),
                         "%s/runs/%s-%s.export%s",
                         directory,
                         suite,
                         sd_id128_to_string(make_id(number), id),
                         i ? ".zst" : "");
                there = there || access(path, F_OK) == 0;
        }
        return there;
}

static size_t prune(uint64_t count, uint64_t size) {
        size_t removed = 99;

        ck_assert_int_eq(
                        runs_prune(directory,
                                   "glib",
                                   &(KeepRuns){ .count = count, .size = size },
                                   &removed),
                        0);
        return removed;
}

START_TEST(prune_removes_the_oldest_of_that_suite_only)
{
        make_run("gtk", 1, false);
        for (unsigned i = 2; i <= 6; i++)
                make_run("glib", i, i == 3);
        ck_assert_uint_eq(prune(100, SIZE_INFINITY), 0);
        ck_assert_uint_eq(prune(2, SIZE_INFINITY), 3);
        ck_assert(run_is_there("gtk", 1));
        for (unsigned i = 2; i <= 6; i++)
                ck_assert_int_eq(run_is_there("glib", i), i >= 5);
}
END_TEST

START_TEST(prune_by_size_keeps_the_latest)
{
        for (unsigned i = 1; i <= 4; i++)
                make_run("glib", i, false);
        ck_assert_uint_eq(prune(UINT64_MAX, 1), 3);
        ck_assert(run_is_there("glib", 4));
}
END_TEST

START_TEST(prune_leaves_what_is_written_and_what_that_goes_on_with)
{
        Recorder *writing, *resuming;
        Event *event;

        writing = start_run("glib", 1, 0);
        make_run("glib", 2, true);
        make_run("glib", 3, false);
        make_run("glib", 4, false);
        resuming = start_run("glib", 5, 2);
        set_time(recorder_get_path(writing), 1);
        ck_assert_uint_eq(prune(1, SIZE_INFINITY), 2);
        ck_assert(run_is_there("glib", 1));
        ck_assert(run_is_there("glib", 2));
        ck_assert(!run_is_there("glib", 3));
        ck_assert(run_is_there("glib", 5));

        /* What was written meanwhile can be finished, and read. */
        event = make_event(EVENT_RUN_FINISHED, "glib", 1);
        ck_assert_int_eq(recorder_finish(writing, event), 0);
        ck_assert_ptr_nonnull(strstr(event->run_finished.run_file, ".export.zst"));
        set_time(recorder_get_path(writing), 1);
        event_free(event);
        recorder_free(writing);
        recorder_free(resuming);
        ck_assert_uint_eq(prune(1, SIZE_INFINITY), 2);
        ck_assert(run_is_there("glib", 5));
}
END_TEST

START_TEST(prune_removes_what_a_crash_left_half_compressed)
{
        char path[300], id[SD_ID128_STRING_MAX];
        Recorder *writing;
        int fd;

        writing = start_run("glib", 1, 0);
        for (unsigned i = 1; i <= 2; i++) {
                snprintf(path,
                         sizeof(path),
                         "%s/runs/.glib-%s.export.zst.new",
                         directory,
                         sd_id128_to_string(make_id(i), id));
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                ck_assert_int_ge(fd, 0);
                close(fd);
        }
        ck_assert_uint_eq(prune(1, SIZE_INFINITY), 0);
        ck_assert_int_ne(access(path, F_OK), 0);
        snprintf(path,
                 sizeof(path),
                 "%s/runs/.glib-%s.export.zst.new",
                 directory,
                 sd_id128_to_string(make_id(1), id));
        ck_assert_int_eq(access(path, F_OK), 0);
        recorder_free(writing);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("record-prune");
        TCase *tcase = tcase_create("prune");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, prune_removes_the_oldest_of_that_suite_only);
        tcase_add_test(tcase, prune_by_size_keeps_the_latest);
        tcase_add_test(tcase, prune_leaves_what_is_written_and_what_that_goes_on_with);
        tcase_add_test(tcase, prune_removes_what_a_crash_left_half_compressed);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
