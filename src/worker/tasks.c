/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/tasks.h"

#include <assert.h>
#include <errno.h>

#include "basic/strv.h"

Task *tasks_get(Tasks *tasks, size_t i) {
        assert(i < tasks->n_items);
        return &tasks->items[(tasks->first + i) % PTEST_TASKS_MAX];
}

static void task_done(Task *task) {
        test_free(task->test);
        strv_free(task->exports);
        *task = (Task){};
}

int tasks_add(Tasks *tasks, Task *task) {
        if (tasks->n_items == PTEST_TASKS_MAX)
                return -ENOBUFS;
        tasks->n_items++;
        *tasks_get(tasks, tasks->n_items - 1) = *task;
        task->test = NULL;
        task->exports = NULL;
        return 0;
}

void tasks_drop_first(Tasks *tasks) {
        task_done(tasks_get(tasks, 0));
        tasks->first = (tasks->first + 1) % PTEST_TASKS_MAX;
        tasks->n_items--;
        if (tasks->n_begun > 0)
                tasks->n_begun--;
}

void tasks_drop_waiting(Tasks *tasks) {
        while (tasks->n_items > tasks->n_begun) {
                task_done(tasks_get(tasks, tasks->n_items - 1));
                tasks->n_items--;
        }
}

size_t tasks_take_waiting(Tasks *tasks, uint64_t *ids) {
        size_t n = 0;

        for (size_t i = tasks->n_begun; i < tasks->n_items; i++)
                ids[n++] = tasks_get(tasks, i)->id;
        tasks_drop_waiting(tasks);
        return n;
}

/* The tasks behind keep their order. */
static void tasks_move(Tasks *tasks, size_t from, size_t to) {
        Task moved;

        if (from == to)
                return;
        moved = *tasks_get(tasks, from);
        *tasks_get(tasks, from) = (Task){};
        *tasks_get(tasks, to) = moved;
}

void tasks_drop_but_tear_downs(Tasks *tasks) {
        size_t kept = tasks->n_begun;

        for (size_t i = kept; i < tasks->n_items; i++)
                if (tasks_get(tasks, i)->role == PTEST_ROLE_TEAR_DOWN)
                        tasks_move(tasks, i, kept++);
                else
                        task_done(tasks_get(tasks, i));
        tasks->n_items = kept;
}

static bool ids_contain(const uint64_t *ids, size_t n_ids, uint64_t id) {
        for (size_t i = 0; i < n_ids; i++)
                if (ids[i] == id)
                        return true;
        return false;
}

size_t tasks_remove(Tasks *tasks, const uint64_t *ids, size_t n_ids, uint64_t *removed) {
        size_t kept = tasks->n_begun, n_removed = 0;

        for (size_t i = kept; i < tasks->n_items; i++) {
                Task *task = tasks_get(tasks, i);

                if (ids_contain(ids, n_ids, task->id)) {
                        removed[n_removed++] = task->id;
                        task_done(task);
                } else
                        tasks_move(tasks, i, kept++);
        }
        tasks->n_items = kept;
        return n_removed;
}
