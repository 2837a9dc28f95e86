/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire/message.h"

/*
 * Tasks: what a worker was sent and has not finished, in its order; the first ones are begun
 */

typedef struct Tasks {
        Task items[PTEST_TASKS_MAX]; /* a ring */
        size_t first, n_items;
        size_t n_begun; /* of the first ones: they run, or were given to a module's host */
} Tasks;

Task *tasks_get(Tasks *tasks, size_t i);
/* Takes the task's content. -ENOBUFS */
int tasks_add(Tasks *tasks, Task *task);
void tasks_drop_first(Tasks *tasks);
/* Those that are not begun. */
void tasks_drop_waiting(Tasks *tasks);
/* The same, and which they were, at most PTEST_TASKS_MAX. */
size_t tasks_take_waiting(Tasks *tasks, uint64_t *ids);
/* Of those that are not begun all tests and set-ups: only what undoes something is left. */
void tasks_drop_but_tear_downs(Tasks *tasks);
/* Of those that are not begun the ones with these ids: which they were is noted, how many is returned. */
size_t tasks_remove(Tasks *tasks, const uint64_t *ids, size_t n_ids, uint64_t *removed);
