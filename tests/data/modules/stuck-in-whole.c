/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A test that never ends in the midst of a context of one worker: the rest of the context runs around a new set-up
 *
 * expect: pool::first pass
 * expect: pool::stuck timeout *limit of 400ms*
 * expect: pool::second pass
 * expect: free pass
 * expect-log: +pool 2
 * expect-log: -pool 1-2
 * expect-stuck: pool::stuck
 * expect-exit: 1
 */

#include "story.h"

STORY_CONTEXT(pool, (void)0, (void)0, .mode = PTEST_MODE_WHOLE)

STORY_IN(pool, first)

PTEST_IN(pool, stuck, .timeout_ms = 400) {
        story("stuck");
        story_sleep();
}

STORY_IN(pool, second)
STORY_FREE(free)
