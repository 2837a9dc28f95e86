/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker hook for tests of other modules. */

#include <unistd.h>

#include <ptest/test.h>

PTEST_WORKER_SET_UP {
        const char *path = getenv("HOOK_LOG");
        FILE *f = path ? fopen(path, "ae") : NULL;

        if (f) {
                fprintf(f, "%d\n", (int)getpid());
                fclose(f);
        }
        if (getenv("HOOK_FAILS"))
                ptest_fail("the hook is broken");
        setenv("HOOKED", "yes", 1);
}
