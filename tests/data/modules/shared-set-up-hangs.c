/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A set-up of a shared context that never ends: another shared context, beside it and around it, is torn down
 *
 * expect: server::first pass
 * expect: server::hangs::one not-run *set-up*hangs**limit of 400ms*
 * expect: server::hangs::two not-run *set-up*hangs**limit of 400ms*
 * expect: server::second pass
 * expect: free pass
 * expect-fixture: server::hangs set-up timeout *limit of 400ms*
 * expect-log: +server 1
 * expect-log: +hangs 1
 * expect-log: server.down 1
 * expect-stuck: server::hangs (set-up)
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

STORY_CONTEXT(hangs,
              story_sleep(),
              (void)0,
              .parent = ptest_context(server),
              .mode = PTEST_MODE_SHARED,
              .set_up_timeout_ms = 400)
STORY_IN(hangs, one)
STORY_IN(hangs, two)

STORY_GOOD(second)
STORY_FREE(free)
