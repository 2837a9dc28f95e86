/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is left of a process whose test crashed or hung is enough to tear down what is set up in it. */

#include <ptest/test.h>

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void crash(void) {
        *(volatile int *)16 = 0;
}

static void *thread_crashes(void *userdata) {
        (void)userdata;
        crash();
        return NULL;
}

static void outer_up(void) {
        printf("outer up");
}
static void outer_down(void) {
        printf("outer down");
}
static void outer_after(void) {
        printf("(outer after)");
}
PTEST_CONTEXT(outer, .set_up = outer_up, .tear_down = outer_down, .after_each = outer_after)

static void inner_down(void) {
        printf("inner down");
}
static void inner_after(void) {
        printf("(inner after)");
}
PTEST_CONTEXT_IN(outer, inner, .tear_down = inner_down, .after_each = inner_after)

PTEST_IN(inner, good) {
}
PTEST_IN(inner, crashes) {
        printf("body");
        crash();
}
PTEST_IN(inner, crashes_isolated, .isolation = PTEST_ISOLATION_PROCESS) {
        crash();
}
PTEST_IN(inner, fails) {
        ptest_fail("first this");
}
PTEST_IN(inner, thread_crashes) {
        pthread_t id;

        pthread_create(&id, NULL, thread_crashes, NULL);
        pthread_join(id, NULL);
}
PTEST_IN(inner, child_crashes) {
        if (fork() == 0)
                crash();
        usleep(20000);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}
PTEST_IN(inner, deadlocks, .timeout_ms = 100) {
        pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
}
PTEST_IN(inner, loops, .timeout_ms = 100) {
        for (volatile int i = 0;; i++)
                ;
}
PTEST_IN(inner, stops, .timeout_ms = 100) {
        raise(SIGSTOP);
        for (;;)
                pause();
}
PTEST_IN(inner, blocks_signals, .timeout_ms = 100) {
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (;;)
                pause();
}
PTEST_IN(inner, exits) {
        exit(0);
}

/* Each of these is the last straw. */
PTEST_CONTEXT_IN(outer, before, .before_each = crash, .after_each = inner_after)
PTEST_IN(before, never) {
        printf("never");
}
PTEST_CONTEXT_IN(outer, after, .after_each = crash)
PTEST_IN(after, good) {
}
PTEST_IN(after, fails) {
        ptest_fail("first this");
}
PTEST_IN(after, crashes) {
        abort();
}
PTEST_CONTEXT_IN(outer, up, .set_up = crash)
PTEST_IN(up, one) {
}
PTEST_IN(up, two) {
}
PTEST_CONTEXT_IN(outer, down, .tear_down = crash)
PTEST_IN(down, good) {
}
PTEST_IN(down, crashes) {
        abort();
}

/* What comes after a crash waits for ever: for a lock of what crashed, say. */
static void hang(void) {
        for (;;)
                pause();
}
PTEST_CONTEXT_IN(outer, hanging, .after_each = hang, .tear_down = inner_down)
PTEST_IN(hanging, crashes, .timeout_ms = 100) {
        crash();
}
PTEST_CONTEXT_IN(outer, hanging_up, .set_up = hang, .set_up_timeout_ms = 100)
PTEST_IN(hanging_up, one) {
}
PTEST_IN(hanging_up, two) {
}
PTEST_CONTEXT_IN(outer, hanging_down, .tear_down = hang, .tear_down_timeout_ms = 100)
PTEST_IN(hanging_down, crashes) {
        crash();
}
