/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests that end their process as if all were well: none of them has passed
 *
 * expect: server::first pass
 * expect: server::leaves error *exit*
 * expect: server::second pass
 * expect: server::exits error *exit*
 * expect: server::third pass
 * expect: server::replaces_itself error *
 * expect: server::last pass
 * expect: free pass
 * expect-log: +server 1
 * expect-log: server.down 1
 * expect-exit: 1
 */

#include "story.h"

STORY_SERVER()

STORY_GOOD(first)

PTEST_IN(server, leaves) {
        story("leaves");
        _exit(0);
}
STORY_GOOD(second)

PTEST_IN(server, exits) {
        story("exits");
        exit(0);
}
STORY_GOOD(third)

PTEST_IN(server, replaces_itself) {
        story("replaces_itself");
        execl("/bin/true", "true", (char *)NULL);
        ptest_fail("there is no /bin/true");
}

STORY_GOOD(last)
STORY_FREE(free)
