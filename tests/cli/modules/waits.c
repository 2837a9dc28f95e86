/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tests that go on until they are told to end, and can be looked at meanwhile. */

#include <unistd.h>

#include <ptest/test.h>

static void wait_for(const char *name) {
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s", getenv("MARKS") ?: "/nowhere", name);
        while (access(path, F_OK) < 0)
                usleep(20000);
}

static void mark(const char *name) {
        char path[4096];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", getenv("MARKS") ?: "/nowhere", name);
        f = fopen(path, "we");
        if (f)
                fclose(f);
}

PTEST(first_prints) {
        printf("nothing of this is the next test's\n");
}

PTEST(waits) {
        printf("said before\n");
        fprintf(stderr, "and complained\n");
        mark("long1");
        wait_for("go");
        printf("said after\n");
}

PTEST(waits_apart, .isolation = PTEST_ISOLATION_PROCESS) {
        printf("said by a child\n");
        mark("long2");
        wait_for("go");
}
