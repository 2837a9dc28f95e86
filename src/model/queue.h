/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * The queue: which test goes next
 *
 * Tests stand in the order of their priority (higher first), then those that may run beside others before
 * exclusive ones, then as in the suite. What was sent to a worker and not started comes back to its old
 * place. A test is named by its index in the suite.
 */

typedef struct Queue Queue;

int queue_new(const Suite *suite, Queue **ret);
Queue *queue_free(Queue *queue);
DEFINE_CLEANUP(Queue, queue_free);

size_t queue_get_length(const Queue *queue);

/* The test that goes next, without taking it. Only if the queue is not empty. */
uint32_t queue_peek(const Queue *queue);
uint32_t queue_pop(Queue *queue);

/* Puts back a test that was popped. */
void queue_return(Queue *queue, uint32_t test);
