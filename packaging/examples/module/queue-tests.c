/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A test module: a shared object whose tests ptest calls, thousands a second
 *
 *      cc -shared -fPIC -o queue-tests.so queue-tests.c
 *      ptest run ./queue-tests.so
 *
 * It tests a small queue of numbers, which stands first, and shows what ptest/test.h can do.
 */

/* mkdtemp() and others that are not of ISO C, also with -std=c11. */
#define _DEFAULT_SOURCE

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <ptest/test.h>

/* ---- What is tested ---- */

#define QUEUE_MAX 8

typedef struct Queue {
        int items[QUEUE_MAX];
        size_t first, count;
} Queue;

static int queue_push(Queue *queue, int item) {
        if (queue->count == QUEUE_MAX)
                return -ENOBUFS;
        queue->items[(queue->first + queue->count++) % QUEUE_MAX] = item;
        return 0;
}

static int queue_pop(Queue *queue, int *ret) {
        if (queue->count == 0)
                return -ENODATA;
        *ret = queue->items[queue->first];
        queue->first = (queue->first + 1) % QUEUE_MAX;
        queue->count--;
        return 0;
}

/* ---- Tests ---- */

PTEST(new_queue_is_empty) {
        Queue queue = { 0 };
        int item;

        ptest_assert_error(queue_pop(&queue, &item), ENODATA);
}

/* Options stand behind the name, in any order. */
PTEST(items_come_in_their_order,
      .description = "First in, first out",
      .tags = "basic",
      .timeout_ms = 1000) {
        Queue queue = { 0 };

        for (int i = 0; i < QUEUE_MAX; i++)
                ptest_assert_ok(queue_push(&queue, i), "item %d of %d", i, QUEUE_MAX);
        for (int i = 0; i < QUEUE_MAX; i++) {
                int item = -1;

                ptest_assert_ok(queue_pop(&queue, &item));
                ptest_assert_int_eq(item, i);
        }
}

/* A test for each number: fills_up[0], fills_up[1], … */
PTEST_RANGE(fills_up, 0, QUEUE_MAX) {
        Queue queue = { .first = (size_t)i };

        for (int n = 0; n < QUEUE_MAX; n++)
                ptest_assert_ok(queue_push(&queue, n));
        ptest_assert_error(queue_push(&queue, 0), ENOBUFS);
}

/* A test for each row, named by a member: parses[zero], parses[negative], … */
static const struct {
        const char *name, *text;
        long value;
} numbers[] = {
        {"zero",         "0",    0  },
        { "negative",    "-12",  -12},
        { "hexadecimal", "0x10", 16 },
};

PTEST_TABLE_BY(parses, numbers, name) {
        ptest_assert_int_eq(strtol(row->text, NULL, 0), row->value, "row %zu", index);
}

/* A known bug: its failure is expected, and the run says so when it is gone. */
PTEST(knows_its_size, .should_fail = "there is no queue_count() yet") {
        ptest_fail("to be written");
}

/* Each test is called in one process; this one would end it, so it gets its own. */
PTEST(overflow_is_caught, .expect_signal = SIGABRT) {
        abort();
}

/* ---- A context: tests around one fixture ---- */

static char directory[] = "/tmp/ptest-example-XXXXXX";

static void directory_make(void) {
        ptest_assert_not_null(mkdtemp(directory));
        ptest_log("the directory is %s", directory);
}

static void directory_remove(void) {
        ptest_assert_errno(rmdir(directory));
}

/* Split: any worker may run its tests; each that does makes a directory of its own. */
PTEST_CONTEXT(files,
              .mode = PTEST_MODE_SPLIT,
              .set_up = directory_make,
              .tear_down = directory_remove)

PTEST_IN(files, directory_is_writable) {
        ptest_assert_errno(access(directory, W_OK));
}

PTEST_IN(files, directory_is_private) {
        ptest_skip_if(geteuid() == 0, "root may read everything");
        ptest_assert_errno(access(directory, R_OK));
}

/* ---- Tests that are found while others run ---- */

PTEST_TEMPLATE(is_readable) {
        ptest_assert_errno(access(arg, R_OK), "%s", arg);
}

PTEST(finds_files) {
        DIR *proc = opendir("/proc/self");

        ptest_skip_if(!proc, "no /proc here");
        for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc))
                if (strncmp(entry->d_name, "stat", 4) == 0)
                        PTEST_ADD(is_readable, "/proc/self/%s", entry->d_name);
        closedir(proc);
}
