/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A test that waits for a mutex that it holds itself
 *
 * expect: server::first pass
 * expect: server::stuck timeout *limit of 400ms*
 * expect: server::second pass
 * expect: server::third pass
 * expect: free pass
 * expect-log: +server 1
 * expect-log: server.down 1
 * expect-stuck: server::stuck
 * expect-exit: 1
 */

#include <pthread.h>

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

PTEST_IN(server, stuck, .timeout_ms = 400) {
        static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

        story("stuck");
        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
}

STORY_GOOD(second)
STORY_GOOD(third)
STORY_FREE(free)
