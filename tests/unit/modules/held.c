/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a worker has to do with modules: many tests at once, contexts, exports, memory, and what takes its time. */

#include <ptest/test.h>

#include <signal.h>
#include <unistd.h>

/* Volatile, so that it is not left out. */
static char *volatile held;

PTEST_RANGE(quick, 0, 256) {
        ptest_assert_int_ge(i, 0);
}
PTEST(pid) {
        printf("%d", (int)getpid());
}
PTEST(waits) {
        while (access(getenv("GO"), F_OK) < 0)
                usleep(1000);
}
PTEST(sleeps) {
        for (;;)
                pause();
}
PTEST(segv) {
        *(volatile int *)16 = 0;
}
PTEST(dies) {
        kill(getpid(), SIGKILL);
}
PTEST(dirties) {
        ptest_assert_errno(chdir("/tmp"));
}
PTEST(leaves_child) {
        if (fork() == 0)
                for (;;)
                        pause();
}
PTEST(leaks) {
        held = malloc(8U << 20);
        memset(held, 1, 8U << 20);
}
PTEST(environment) {
        const char *exported = getenv("PTEST_HELD"), *own = getenv("PTEST_OWN");
        char directory[256];

        printf("%s %s %s",
               exported ? exported : "-",
               own ? own : "-",
               getcwd(directory, sizeof(directory)));
}

PTEST_TEMPLATE(made) {
        ptest_assert_str_ne(arg, "");
}
PTEST(makes) {
        for (int i = 0; i < 3000; i++)
                PTEST_ADD(made, "%d", i);
}

/* ---- Contexts ---- */

static void home_up(void) {
        ptest_export("PTEST_HELD", "home %d", (int)getpid());
        printf("up in %d", (int)getpid());
}
static void home_down(void) {
        printf("down in %d", (int)getpid());
}
PTEST_CONTEXT(home, .set_up = home_up, .tear_down = home_down)
PTEST_IN(home, environment) {
        printf("%s %d", getenv("PTEST_HELD") ? getenv("PTEST_HELD") : "-", (int)getpid());
}
PTEST_IN(home, segv) {
        *(volatile int *)16 = 0;
}
PTEST_IN(home, exits) {
        _exit(1);
}
PTEST_CONTEXT(bare)
PTEST_IN(bare, dirties) {
        ptest_assert_errno(chdir("/tmp"));
}

static void bad_down(void) {
        ptest_fail("does not go");
}
PTEST_CONTEXT(bad, .tear_down = bad_down)
PTEST_IN(bad, dirties) {
        ptest_assert_errno(chdir("/tmp"));
}

static void shared_up(void) {
        ptest_export("PTEST_HELD", "shared");
}
PTEST_CONTEXT(shared, .mode = PTEST_MODE_SHARED, .set_up = shared_up)
PTEST_IN(shared, environment) {
        printf("%s", getenv("PTEST_HELD") ? getenv("PTEST_HELD") : "-");
}
