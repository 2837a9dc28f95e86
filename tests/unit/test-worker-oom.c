/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Files as the kernel has them, in directories of our own
 */

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "worker/oom.h"

static char directory[] = "/tmp/ptest-oom-XXXXXX";

static void file_write(const char *name, const char *text) {
        FILE *f = NULL;
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        /* In place: the kernel's file stays the same one. */
        f = fopen(path, "r+e");
        if (!f)
                f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

static void directory_make(void) {
        ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void directory_drop(void) {
        ck_assert_int_eq(dir_remove(directory), 0);
}

static OomEvidence look(OomWatch *watch) {
        OomEvidence evidence;

        oom_watch_look(watch, &evidence);
        return evidence;
}

START_TEST(kill_at_own_limit_is_seen_once)
{
        _cleanup_(oom_watch_freep) OomWatch *watch = NULL;
        OomEvidence evidence;

        file_write("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\noom_group_kill 0\n");
        file_write("memory.max", "67108864\n");
        file_write("memory.peak", "67000000\n");
        ck_assert_int_eq(oom_watch_new_at(directory, NULL, &watch), 0);
        ck_assert(!look(watch).kill); /* those were before us */

        file_write("memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 4\noom_group_kill 0\n");
        evidence = look(watch);
        ck_assert(evidence.kill);
        ck_assert(evidence.own);
        ck_assert_uint_eq(evidence.memory_max, 64 * MIB);
        ck_assert_uint_eq(evidence.memory_peak, 67000000);
        ck_assert(!look(watch).kill);
}
END_TEST

START_TEST(kill_at_another_limit_is_not_own)
{
        _cleanup_(oom_watch_freep) OomWatch *watch = NULL;
        OomEvidence evidence;

        file_write("memory.events", "oom 0\noom_kill 0\n");
        file_write("memory.max", "max\n");
        ck_assert_int_eq(oom_watch_new_at(directory, NULL, &watch), 0);
        file_write("memory.events", "oom 0\noom_kill 1\n");
        evidence = look(watch);
        ck_assert(evidence.kill);
        ck_assert(!evidence.own);
        ck_assert_uint_eq(evidence.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(evidence.memory_peak, SIZE_UNKNOWN);
}
END_TEST

START_TEST(legacy_hierarchy_is_read)
{
        _cleanup_(oom_watch_freep) OomWatch *watch = NULL;
        OomEvidence evidence;

        file_write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
        file_write("memory.limit_in_bytes", "67108864\n");
        file_write("memory.max_usage_in_bytes", "67108864\n");
        ck_assert_int_eq(oom_watch_new_at(NULL, directory, &watch), 0);
        file_write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        evidence = look(watch);
        ck_assert(evidence.kill);
        ck_assert(evidence.own);
        ck_assert_uint_eq(evidence.memory_max, 64 * MIB);

        file_write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        file_write("memory.limit_in_bytes", "9223372036854771712\n");
        evidence = look(watch);
        ck_assert(evidence.kill);
        ck_assert(!evidence.own);
}
END_TEST

START_TEST(without_cgroups_nothing_is_seen)
{
        _cleanup_(oom_watch_freep) OomWatch *none = NULL, *own = NULL;

        ck_assert_int_eq(oom_watch_new_at("/does/not/exist", directory, &none), 0);
        ck_assert(!look(none).kill);
        ck_assert_int_eq(oom_watch_new(&own), 0);
        ck_assert(!look(own).kill);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/oom");
        TCase *tcase = tcase_create("files");
        SRunner *srunner = NULL;
        int failed;

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, directory_make, directory_drop);
        tcase_add_test(tcase, kill_at_own_limit_is_seen_once);
        tcase_add_test(tcase, kill_at_another_limit_is_not_own);
        tcase_add_test(tcase, legacy_hierarchy_is_read);
        tcase_add_test(tcase, without_cgroups_nothing_is_seen);
        srunner = srunner_create(suite);
        srunner_run_all(srunner, CK_NORMAL);
        failed = srunner_ntests_failed(srunner);
        srunner_free(srunner);
        return failed > 0 ? 1 : 0;
}
