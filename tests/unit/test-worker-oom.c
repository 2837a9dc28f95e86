/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Files as the kernel has them, in directories of our own
 */

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "worker/oom-log.h"
#include "worker/oom.h"

#include "test-runner.h"

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
        ck_assert_int_eq(evidence.owner, OOM_OWNER_WORKER);
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
        ck_assert_int_eq(evidence.owner, OOM_OWNER_MACHINE);
        ck_assert_uint_eq(evidence.memory_max, SIZE_INFINITY);
        ck_assert_uint_eq(evidence.memory_peak, SIZE_UNKNOWN);
}
END_TEST

/* A slice, a scope in it, and a cell in that. */
static void tree_make(void) {
        char path[128];

        snprintf(path, sizeof(path), "%s/ptest-x.slice", directory);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        snprintf(path, sizeof(path), "%s/ptest-x.slice/x.scope", directory);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        file_write("ptest-x.slice/memory.events", "oom 1\noom_kill 5\n");
        file_write("ptest-x.slice/memory.events.local", "oom 1\noom_kill 0\n");
        file_write("ptest-x.slice/memory.max", "67108864\n");
        file_write("ptest-x.slice/x.scope/memory.events", "oom 2\noom_kill 3\n");
        file_write("ptest-x.slice/x.scope/memory.events.local", "oom 1\noom_kill 0\n");
        file_write("ptest-x.slice/x.scope/memory.max", "33554432\n");
}

static OomWatch *tree_watch(CgroupCell **ret_cell) {
        char scope[128], path[160];
        OomWatch *watch = NULL;
        int fd;

        snprintf(scope, sizeof(scope), "%s/ptest-x.slice/x.scope", directory);
        ck_assert_int_eq(oom_watch_new_at(scope, NULL, &watch), 0);
        fd = open(scope, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(cell_new(fd, "t1", &TEST_LIMITS_NONE, ret_cell), 0);
        snprintf(path, sizeof(path), "ptest-x.slice/x.scope/t1/memory.events");
        file_write(path, "oom 0\noom_kill 0\n");
        file_write("ptest-x.slice/x.scope/t1/memory.max", "16777216\n");
        file_write("ptest-x.slice/x.scope/t1/memory.peak", "16000000\n");
        return watch;
}

static OomEvidence look_in(OomWatch *watch, const CgroupCell *cell) {
        CellEvents seen = {};
        OomEvidence evidence;

        oom_watch_look_in(watch, cell, &seen, &evidence);
        return evidence;
}

START_TEST(owner_is_the_lowest_whose_limit_was_reached)
{
        CgroupCell *cell = NULL;
        OomEvidence evidence;

        tree_make();
        _cleanup_(oom_watch_freep) OomWatch *watch = tree_watch(&cell);
        ck_assert(!look_in(watch, cell).kill);

        /* Its own: those above count it too, but not as theirs. */
        file_write("ptest-x.slice/x.scope/t1/memory.events", "oom 1\noom_kill 2\n");
        file_write("ptest-x.slice/x.scope/memory.events", "oom 3\noom_kill 5\n");
        evidence = look_in(watch, cell);
        ck_assert(evidence.kill && evidence.in_cell);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_TEST);
        ck_assert_uint_eq(evidence.memory_max, 16 * MIB);
        ck_assert_uint_eq(evidence.memory_peak, 16000000);

        /* The worker's */
        file_write("ptest-x.slice/x.scope/t1/memory.events", "oom 0\noom_kill 3\n");
        file_write("ptest-x.slice/x.scope/memory.events.local", "oom 2\noom_kill 0\n");
        evidence = look_in(watch, cell);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_WORKER);
        ck_assert_uint_eq(evidence.memory_max, 32 * MIB);
        ck_assert_uint_eq(evidence.memory_beside, 0);
        ck_assert_ptr_null(evidence.unit);

        file_write("ptest-x.slice/x.scope/memory.current", "31000000\n");
        file_write("ptest-x.slice/x.scope/t1/memory.current", "9000000\n");
        file_write("ptest-x.slice/x.scope/t1/memory.events", "oom 0\noom_kill 4\n");
        file_write("ptest-x.slice/x.scope/memory.events.local", "oom 3\noom_kill 0\n");
        evidence = look_in(watch, cell);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_WORKER);
        ck_assert_uint_eq(evidence.memory_beside, 22000000);

        /* The slice's */
        file_write("ptest-x.slice/memory.events.local", "oom 2\noom_kill 0\n");
        evidence = look_in(watch, cell);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_SLICE);
        ck_assert_uint_eq(evidence.memory_max, 64 * MIB);
        ck_assert_str_eq(evidence.unit, "ptest-x.slice");

        /* Nobody's: what had been before a test began does not count. */
        file_write("ptest-x.slice/memory.events.local", "oom 3\noom_kill 0\n");
        oom_watch_begin(watch);
        evidence = look_in(watch, cell);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_MACHINE);
        ck_assert_uint_eq(evidence.memory_max, SIZE_INFINITY);
        cell_free(cell);
}
END_TEST

START_TEST(kills_of_others_are_not_of_a_cell)
{
        CgroupCell *cell = NULL;

        tree_make();
        _cleanup_(oom_watch_freep) OomWatch *watch = tree_watch(&cell);
        file_write("ptest-x.slice/x.scope/memory.events", "oom 3\noom_kill 9\n");
        file_write("ptest-x.slice/x.scope/memory.events.local", "oom 3\noom_kill 0\n");
        ck_assert(!look_in(watch, cell).kill);
        cell_free(cell);
}
END_TEST

static const char *const kernel_log[] = {
        "6,1,1,-;python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n",
        "6,2,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/p/x.scope/t2,"
        "task_memcg=/p/x.scope/t2,task=other,pid=11,uid=0\n",
        "6,3,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
        "oom_memcg=/p/x.scope,task_memcg=/p/x.scope/t1/below,task=h\x1bg,pid=4711,uid=0\n",
        "6,4,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/p,"
        "task_memcg=/p/a\\x5cx2db.scope/t1,task=escaped,pid=13,uid=0\n",
        "6,4,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/p/x.scope/t10,"
        "task_memcg=/p/x.scope/t10,task=another,pid=12,uid=0\n",
        "6,5,1,-;Memory cgroup out of memory: Killed process 4711 (hog) total-vm:1kB\n",
};

START_TEST(victim_is_read_from_the_log_of_the_kernel)
{
        CgroupCell *cell = NULL;
        OomEvidence evidence;
        int pair[2];

        tree_make();
        _cleanup_(oom_watch_freep) OomWatch *watch = tree_watch(&cell);
        /* One read() one record, as in /dev/kmsg */
        ck_assert_int_eq(
                        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                        0);
        for (size_t i = 0; i < ELEMENTSOF(kernel_log); i++)
                ck_assert_int_gt(send(pair[1], kernel_log[i], strlen(kernel_log[i]), 0), 0);
        oom_watch_set_log(watch, pair[0]);

        file_write("ptest-x.slice/x.scope/t1/memory.events", "oom 0\noom_kill 1\n");
        evidence = look_in(watch, cell);
        ck_assert_int_eq(evidence.victim, 4711);
        ck_assert_str_eq(evidence.victim_name, "h\\x1bg");

        /* Once told it is the matter of no later test. */
        evidence = look_in(watch, cell);
        ck_assert(evidence.kill);
        ck_assert_int_eq(evidence.victim, 0);
        cell_free(cell);
        close(pair[1]);
}
END_TEST

START_TEST(names_of_units_are_escaped_twice_in_the_log)
{
        char name[64];
        int pair[2];
        pid_t pid = 0;

        ck_assert_int_eq(
                        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                        0);
        for (size_t i = 0; i < ELEMENTSOF(kernel_log); i++)
                ck_assert_int_gt(send(pair[1], kernel_log[i], strlen(kernel_log[i]), 0), 0);
        ck_assert(oom_log_find_victim(pair[0], "/a\\x2db.scope/t1", &pid, name, sizeof(name)));
        ck_assert_int_eq(pid, 13);
        ck_assert_str_eq(name, "escaped");
        close(pair[0]);
        close(pair[1]);
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
        ck_assert_int_eq(evidence.owner, OOM_OWNER_WORKER);
        ck_assert_uint_eq(evidence.memory_max, 64 * MIB);

        file_write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        file_write("memory.limit_in_bytes", "9223372036854771712\n");
        evidence = look(watch);
        ck_assert(evidence.kill);
        ck_assert_int_eq(evidence.owner, OOM_OWNER_UNKNOWN);
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

        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, directory_make, directory_drop);
        tcase_add_test(tcase, kill_at_own_limit_is_seen_once);
        tcase_add_test(tcase, kill_at_another_limit_is_not_own);
        tcase_add_test(tcase, owner_is_the_lowest_whose_limit_was_reached);
        tcase_add_test(tcase, kills_of_others_are_not_of_a_cell);
        tcase_add_test(tcase, victim_is_read_from_the_log_of_the_kernel);
        tcase_add_test(tcase, names_of_units_are_escaped_twice_in_the_log);
        tcase_add_test(tcase, legacy_hierarchy_is_read);
        tcase_add_test(tcase, without_cgroups_nothing_is_seen);
        return suite_run(suite);
}
