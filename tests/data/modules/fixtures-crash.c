/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Set-ups and tear-downs that crash or exit, in contexts of one worker and in shared ones; all others are torn down
 *
 * expect: server::first pass
 * expect: server::up_crashes::in_up not-run *set-up*up_crashes*SIGSEGV*
 * expect: server::down_crashes::in_down pass
 * expect: server::shared_up_crashes::in_shared_up not-run *set-up*shared_up_crashes*SIGSEGV*
 * expect: server::shared_down_exits::in_shared_down pass
 * expect: server::last pass
 * expect: free pass
 * expect-fixture: server::up_crashes set-up crash *SIGSEGV*
 * expect-fixture: server::down_crashes tear-down crash *SIGSEGV*
 * expect-fixture: server::shared_up_crashes set-up crash *SIGSEGV*
 * expect-fixture: server::shared_down_exits tear-down error *exit*
 * expect-log: +server 1
 * expect-log: +up_crashes 1
 * expect-log: +down_crashes 1
 * expect-log: -down_crashes 1
 * expect-log: +shared_up_crashes 1
 * expect-log: +shared_down_exits 1
 * expect-log: -shared_down_exits 1
 * expect-log: server.down 1
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

static volatile int *const nowhere = (volatile int *)8;

STORY_CONTEXT(up_crashes, *nowhere = 1, (void)0, .parent = ptest_context(server))
STORY_IN(up_crashes, in_up)

STORY_CONTEXT(down_crashes, (void)0, *nowhere = 1, .parent = ptest_context(server))
STORY_IN(down_crashes, in_down)

STORY_CONTEXT(shared_up_crashes,
              *nowhere = 1,
              (void)0,
              .parent = ptest_context(server),
              .mode = PTEST_MODE_SHARED)
STORY_IN(shared_up_crashes, in_shared_up)

STORY_CONTEXT(shared_down_exits,
              (void)0,
              _exit(0),
              .parent = ptest_context(server),
              .mode = PTEST_MODE_SHARED)
STORY_IN(shared_down_exits, in_shared_down)

STORY_GOOD(last)
STORY_FREE(free)
