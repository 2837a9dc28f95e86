/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a module does where there is no test: in fixtures, and as it is unloaded. */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <ptest/test.h>

PTEST_TEMPLATE(leaf) {
}

static void add(void) {
        PTEST_ADD(leaf, "of a fixture");
}

PTEST_CONTEXT(first, .set_up = add)
PTEST_IN(first, one) {
}

PTEST_CONTEXT(last, .tear_down = add)
PTEST_IN(last, one) {
}

PTEST_CONTEXT(each, .before_each = add)
PTEST_IN(each, one) {
}

__attribute__((destructor)) static void leave_trace(void) {
        const char *path = getenv("DESTROYED");

        if (path)
                close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
}
