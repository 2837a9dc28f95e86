/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A test that blocks all signals, SIGINT among them, and never ends
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

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

PTEST_IN(server, stuck, .timeout_ms = 400) {
        sigset_t all;

        story("stuck");
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        story_sleep();
}

STORY_GOOD(second)
STORY_GOOD(third)
STORY_FREE(free)
