/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests that end their process by a signal
 *
 * expect: server::first pass
 * expect: server::segv crash *SIGSEGV*
 * expect: server::after_segv pass
 * expect: server::fpe crash *SIGFPE*
 * expect: server::ill crash *SIGILL*
 * expect: server::aborts crash *SIGABRT*
 * expect: server::after_abort pass
 * expect: server::overflows crash *SIGSEGV*
 * expect: server::after_overflow pass
 * expect: server::kills_itself crash *SIGKILL*
 * expect: server::last pass
 * expect: free pass
 * expect-log: +server 1
 * expect-log: server.down 1
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

__attribute__((no_sanitize("address", "undefined"))) static void memory_touch(volatile int *place) {
        *place = 1;
}

PTEST_IN(server, segv) {
        story("segv");
        memory_touch((volatile int *)8);
}
STORY_GOOD(after_segv)

PTEST_IN(server, fpe) {
        story("fpe");
        raise(SIGFPE);
}

PTEST_IN(server, ill) {
        story("ill");
        __builtin_trap();
}

PTEST_IN(server, aborts) {
        story("aborts");
        abort();
}
STORY_GOOD(after_abort)

/* The compiler is not to see that it never ends. */
static unsigned stack_use(unsigned depth, volatile unsigned *limit) {
        volatile char room[4096];

        room[depth % sizeof(room)] = 1;
        return depth > *limit ? 0 :
                                stack_use(depth + 1, limit) + (unsigned)room[depth % sizeof(room)];
}

PTEST_IN(server, overflows) {
        volatile unsigned limit = UINT32_MAX - 1;

        story("overflows");
        ptest_log("%u", stack_use(0, &limit));
}
STORY_GOOD(after_overflow)

PTEST_IN(server, kills_itself) {
        story("kills_itself");
        raise(SIGKILL);
}

STORY_GOOD(last)
STORY_FREE(free)
