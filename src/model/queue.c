/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The order is one sorted array of test numbers with a cursor. What comes back is kept in a second, small
 * array in descending order of rank, so that its best is at its end. Every array is allocated once.
 */

#include "model/queue.h"

#include <assert.h>
#include <errno.h>

struct Queue {
        uint32_t *order; /* test numbers, best first */
        uint32_t *rank;  /* by test number: its place in order */
        size_t n_order;
        size_t cursor;      /* the next in order that was never popped */
        uint32_t *returned; /* descending rank */
        size_t n_returned;
};

/* Less than 0: a is before b. */
static int tests_compare(const Suite *suite, uint32_t a, uint32_t b) {
        const PackedTest *x = suite->tests[a], *y = suite->tests[b];

        if (x->priority != y->priority)
                return x->priority > y->priority ? -1 : 1;
        if (x->exclusive != y->exclusive)
                return x->exclusive ? 1 : -1;
        return (a > b) - (a < b);
}

static int order_compare(const void *a, const void *b, void *userdata) {
        return tests_compare(userdata, *(const uint32_t *)a, *(const uint32_t *)b);
}

static void queue_sort(Queue *queue, const Suite *suite) {
        bool sorted = true;

        for (size_t i = 0; i < suite->n_tests; i++) {
                queue->order[i] = (uint32_t)i;
                if (i > 0 && tests_compare(suite, (uint32_t)i - 1, (uint32_t)i) > 0)
                        sorted = false;
        }
        /* Mostly all are alike, and qsort_r() would take memory as large as the array. */
        if (!sorted)
                qsort_r(queue->order,
                        suite->n_tests,
                        sizeof(*queue->order),
                        order_compare,
                        (void *)suite);
        for (size_t i = 0; i < suite->n_tests; i++)
                queue->rank[queue->order[i]] = (uint32_t)i;
}

int queue_new(const Suite *suite, Queue **ret) {
        _cleanup_(queue_freep) Queue *queue = calloc(1, sizeof(*queue));
        size_t n = MAX(suite->n_tests, 1U);

        if (!queue)
                return -ENOMEM;
        queue->n_order = suite->n_tests;
        queue->order = calloc(n, sizeof(*queue->order));
        queue->rank = calloc(n, sizeof(*queue->rank));
        queue->returned = calloc(n, sizeof(*queue->returned));
        if (!queue->order || !queue->rank || !queue->returned)
                return -ENOMEM;
        queue_sort(queue, suite);
        *ret = TAKE_PTR(queue);
        return 0;
}

Queue *queue_free(Queue *queue) {
        if (!queue)
                return NULL;
        free(queue->order);
        free(queue->rank);
        free(queue->returned);
        free(queue);
        return NULL;
}

size_t queue_get_length(const Queue *queue) {
        return queue->n_order - queue->cursor + queue->n_returned;
}

static bool queue_returned_is_next(const Queue *queue) {
        if (queue->n_returned == 0)
                return false;
        if (queue->cursor == queue->n_order)
                return true;
        return queue->rank[queue->returned[queue->n_returned - 1]] < queue->cursor;
}

uint32_t queue_peek(const Queue *queue) {
        assert(queue_get_length(queue) > 0);

        if (queue_returned_is_next(queue))
                return queue->returned[queue->n_returned - 1];
        return queue->order[queue->cursor];
}

uint32_t queue_pop(Queue *queue) {
        assert(queue_get_length(queue) > 0);

        if (queue_returned_is_next(queue))
                return queue->returned[--queue->n_returned];
        return queue->order[queue->cursor++];
}

void queue_return(Queue *queue, uint32_t test) {
        size_t at = queue->n_returned;

        assert(test < queue->n_order);
        assert(queue->rank[test] < queue->cursor);

        while (at > 0 && queue->rank[queue->returned[at - 1]] < queue->rank[test]) {
                queue->returned[at] = queue->returned[at - 1];
                at--;
        }
        assert(at == 0 || queue->returned[at - 1] != test);
        queue->returned[at] = test;
        queue->n_returned++;
}
