/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is written to the kernel's files, and read from them, in a directory of our own. What the kernel makes of it
 * is shown by tests/system/limits_of_tests.py.
 */

#include "worker/cgroup-tree.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "test-runner.h"

static char directory[64];
static int directory_fd;

static void directory_make(void) {
        strcpy(directory, "/tmp/ptest-cell-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(directory_fd, 0);
}

static void directory_drop(void) {
        close(directory_fd);
        ck_assert_int_eq(dir_remove(directory), 0);
}

/* As the kernel does in a new cgroup. */
static void file_make(const char *name, const char *text) {
        char path[160];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_ge(fputs(text, f), 0);
        ck_assert_int_eq(fclose(f), 0);
}

static void assert_file(const char *name, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(file_read_at(directory_fd, name, 4096, &text, NULL), 0);
        ck_assert_msg(strcmp(text, expected) == 0, "%s: %s, not %s", name, text, expected);
}

static CgroupCell *cell_make(void) {
        CgroupCell *cell = NULL;

        ck_assert_int_eq(cell_new(directory_fd, "t1", &TEST_LIMITS_NONE, &cell), 0);
        ck_assert_str_eq(cell_get_name(cell), "t1");
        return cell;
}

static void files_make(void) {
        static const char *const names[] = { "memory.max",       "memory.high", "memory.swap.max",
                                             "memory.oom.group", "pids.max",    "cpu.max" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char name[64];

                snprintf(name, sizeof(name), "t1/%s", names[i]);
                file_make(name, "");
        }
}

START_TEST(limits_are_written_as_the_kernel_reads_them)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        TestLimits limits = TEST_LIMITS_NONE;

        files_make();
        limits.memory_max = 64 * MIB;
        limits.memory_high = 32 * MIB;
        limits.tasks_max = 7;
        limits.cpu_quota_usec = 2 * USEC_PER_SEC;
        ck_assert_int_eq(cell_set_limits(cell, &limits), 0);
        assert_file("t1/memory.max", "67108864");
        assert_file("t1/memory.high", "33554432");
        assert_file("t1/memory.swap.max", "0");
        assert_file("t1/pids.max", "7");
        assert_file("t1/cpu.max", "200000 100000");
        ck_assert_int_eq(cell_set_whole(cell, true), 0);
        assert_file("t1/memory.oom.group", "1");
        ck_assert_uint_eq(cell_read_memory_max(cell), 64 * MIB);
}
END_TEST

START_TEST(no_limit_is_max)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();

        files_make();
        ck_assert_int_eq(cell_set_limits(cell, &TEST_LIMITS_NONE), 0);
        assert_file("t1/memory.max", "max");
        assert_file("t1/memory.high", "max");
        assert_file("t1/memory.swap.max", "max");
        assert_file("t1/pids.max", "max");
        assert_file("t1/cpu.max", "max");
        ck_assert_uint_eq(cell_read_memory_max(cell), SIZE_INFINITY);
}
END_TEST

static const struct {
        uint64_t quota_usec;
        const char *text;
} quotas[] = {
        {USEC_PER_SEC / 2,    "50000 100000"}, /* 50% */
        { USEC_PER_SEC / 100,
         "1000 100000"                      }, /* 1%: the least that the kernel takes in that period */
        { USEC_PER_SEC / 200, "5000 1000000"},
        { 1,                  "1000 1000000"},
};

START_TEST(small_quotas_have_a_longer_period)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        TestLimits limits = TEST_LIMITS_NONE;

        file_make("t1/cpu.max", "");
        limits.cpu_quota_usec = quotas[_i].quota_usec;
        ck_assert_int_eq(cell_set_limits(cell, &limits), 0);
        assert_file("t1/cpu.max", quotas[_i].text);
}
END_TEST

START_TEST(limits_without_their_controllers_are_left_out)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        TestLimits limits = TEST_LIMITS_NONE;

        limits.memory_max = MIB;
        limits.tasks_max = 1;
        ck_assert_int_eq(cell_set_limits(cell, &limits), 0);
        ck_assert_int_lt(faccessat(directory_fd, "t1/memory.max", F_OK, 0), 0);
}
END_TEST

START_TEST(usage_is_read)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        CellUsage usage;
        CellEvents events;

        file_make("t1/memory.peak", "1234567\n");
        file_make("t1/pids.peak", "12\n");
        file_make("t1/cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 0\n");
        file_make("t1/io.stat",
                  "8:0 rbytes=100 wbytes=20 rios=3 wios=2 dbytes=7 dios=0\n"
                  "8:16 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n");
        file_make("t1/memory.events",
                  "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n");
        file_make("t1/pids.events", "max 5\n");

        cell_read_usage(cell, &usage);
        ck_assert_uint_eq(usage.memory_peak, 1234567);
        ck_assert_uint_eq(usage.tasks_peak, 12);
        ck_assert(usage.has_cpu);
        ck_assert_uint_eq(usage.user_usec, 20);
        ck_assert_uint_eq(usage.system_usec, 10);
        ck_assert_uint_eq(usage.read_bytes, 101);
        ck_assert_uint_eq(usage.write_bytes, 22);

        cell_read_events(cell, &events);
        ck_assert_uint_eq(events.oom, 2);
        ck_assert_uint_eq(events.oom_kill, 3);
        ck_assert_uint_eq(events.forks_refused, 5);
}
END_TEST

START_TEST(what_is_not_there_is_unknown)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        CellUsage usage;
        CellEvents events;

        cell_read_usage(cell, &usage);
        ck_assert_uint_eq(usage.memory_peak, SIZE_UNKNOWN);
        ck_assert_uint_eq(usage.tasks_peak, UINT64_MAX);
        ck_assert_uint_eq(usage.read_bytes, SIZE_UNKNOWN);
        ck_assert(!usage.has_cpu);
        cell_read_events(cell, &events);
        ck_assert_uint_eq(events.oom_kill, 0);
}
END_TEST

START_TEST(processes_are_listed_also_below)
{
        _cleanup_(cell_freep) CgroupCell *cell = cell_make();
        _cleanup_free_ pid_t *pids = NULL, *few = NULL;
        char path[160];
        size_t n = 0;

        file_make("t1/cgroup.procs", "12\n0\n345\n");
        snprintf(path, sizeof(path), "%s/t1/below", directory);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        file_make("t1/below/cgroup.procs", "6789\n");

        ck_assert_int_eq(cell_list(cell, 100, &pids, &n), 0);
        ck_assert_uint_eq(n, 3); /* 0 is of another PID namespace */
        ck_assert_int_eq(pids[0], 12);
        ck_assert_int_eq(pids[1], 345);
        ck_assert_int_eq(pids[2], 6789);

        ck_assert_int_eq(cell_list(cell, 2, &few, &n), 0);
        ck_assert_uint_eq(n, 2);
        ck_assert_int_eq(dir_remove(path), 0);
        ck_assert_int_eq(unlinkat(directory_fd, "t1/cgroup.procs", 0), 0);
}
END_TEST

START_TEST(cell_is_removed_and_made_but_once)
{
        CgroupCell *cell = cell_make(), *other = NULL;

        ck_assert_int_eq(cell_new(directory_fd, "t1", &TEST_LIMITS_NONE, &other), -EEXIST);
        ck_assert_ptr_null(cell_free(cell));
        ck_assert_int_lt(faccessat(directory_fd, "t1", F_OK, 0), 0);
        ck_assert_ptr_null(cell_free(NULL));
}
END_TEST

START_TEST(tree_numbers_its_cells_and_has_what_is_offered)
{
        _cleanup_(cgroup_tree_freep) CgroupTree *tree = NULL;
        _cleanup_(cell_freep) CgroupCell *first = NULL, *second = NULL;

        file_make("cgroup.controllers", "cpuset cpu memory\n");
        file_make("cgroup.subtree_control", "");
        ck_assert_int_eq(cgroup_tree_new_at(directory, &tree), 0);
        ck_assert(cgroup_tree_has_controller(tree, "memory"));
        ck_assert(cgroup_tree_has_controller(tree, "cpu"));
        ck_assert(!cgroup_tree_has_controller(tree, "pids"));
        ck_assert(!cgroup_tree_has_controller(tree, "cpuset"));

        ck_assert_int_eq(cgroup_tree_add_cell(tree, &TEST_LIMITS_NONE, &first), 0);
        ck_assert_int_eq(cgroup_tree_add_cell(tree, &TEST_LIMITS_NONE, &second), 0);
        ck_assert_str_eq(cell_get_name(first), "t1");
        ck_assert_str_eq(cell_get_name(second), "t2");
        ck_assert(!cgroup_tree_has_in_cell(tree, first, getpid()));
}
END_TEST

START_TEST(who_is_not_in_a_scope_of_its_own_has_no_tree)
{
        CgroupTree *tree = (CgroupTree *)1;

        ck_assert_int_eq(cgroup_tree_new(4711, 1, &tree), 0);
        ck_assert_ptr_null(tree);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/cgroup-cell");
        TCase *tcase = tcase_create("files");

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, directory_make, directory_drop);
        tcase_add_test(tcase, limits_are_written_as_the_kernel_reads_them);
        tcase_add_test(tcase, no_limit_is_max);
        tcase_add_loop_test(tcase, small_quotas_have_a_longer_period, 0, ELEMENTSOF(quotas));
        tcase_add_test(tcase, limits_without_their_controllers_are_left_out);
        tcase_add_test(tcase, usage_is_read);
        tcase_add_test(tcase, what_is_not_there_is_unknown);
        tcase_add_test(tcase, processes_are_listed_also_below);
        tcase_add_test(tcase, cell_is_removed_and_made_but_once);
        tcase_add_test(tcase, tree_numbers_its_cells_and_has_what_is_offered);
        tcase_add_test(tcase, who_is_not_in_a_scope_of_its_own_has_no_tree);
        return suite_run(suite);
}
