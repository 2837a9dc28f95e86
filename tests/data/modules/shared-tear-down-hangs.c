/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tear-down of a shared context that never ends: the one around it is torn down all the same
 *
 * expect: server::first pass
 * expect: server::hangs::one pass
 * expect: server::hangs::two pass
 * expect: server::second pass
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
              .mode = PTEST_MODE_SHARED,
              .tear_down_timeout_ms = 400)
STORY_IN(hangs, one)
STORY_IN(hangs, two)

STORY_GOOD(second)
STORY_FREE(free)
