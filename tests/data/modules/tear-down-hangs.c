/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tear-down that never ends, in a context of one worker: its tests keep their outcomes, the run fails
 *
 * expect: server::first pass
 * expect: server::hangs::one pass
 * expect: server::hangs::two pass
 * expect: server::second pass
 * expect: server::third pass
 * expect: free pass
 * expect-fixture: server::hangs tear-down timeout *limit of 400ms*
 * expect-log: +server 1
 * expect-log: +hangs 1
 * expect-log: -hangs 1
 * expect-log: server.down 1
 * expect-stuck: server::hangs (tear-down)
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

STORY_CONTEXT(hangs,
              (void)0,
              story_sleep(),
              .parent = ptest_context(server),
              .tear_down_timeout_ms = 400)
STORY_IN(hangs, one)
STORY_IN(hangs, two)

STORY_GOOD(second)
STORY_GOOD(third)
STORY_FREE(free)
