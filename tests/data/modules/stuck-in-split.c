/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests that never end in a context that any worker may set up: each that does is undone, and the rest is run
 *
 * expect: server::pool::first pass
 * expect: server::pool::stuck timeout *limit of 400ms*
 * expect: server::pool::second pass
 * expect: server::pool::stuck_again timeout *limit of 400ms*
 * expect: server::pool::third pass
 * expect: server::last pass
 * expect: free pass
 * expect-log: +server 1
 * expect-log: +pool 2-5
 * expect-log: server.down 1
 * expect-stuck: server::pool::stuck
 * expect-stuck: server::pool::stuck_again
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_CONTEXT(pool, (void)0, (void)0, .parent = ptest_context(server), .mode = PTEST_MODE_SPLIT)

STORY_IN(pool, first)

PTEST_IN(pool, stuck, .timeout_ms = 400) {
        story("stuck");
        story_sleep();
}

STORY_IN(pool, second)

PTEST_IN(pool, stuck_again, .timeout_ms = 400) {
        story("stuck_again");
        story_sleep();
}

STORY_IN(pool, third)

STORY_GOOD(last)
STORY_FREE(free)
