/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the programs that misbehave have in common: each of their processes dies by itself after $TORTURE_LIFE seconds, and none
 * takes more than $TORTURE_SIZE of what it takes, so that a runner that cannot stop them does not cost the machine. */

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static inline unsigned torture_number(const char *variable, unsigned otherwise) {
        const char *value = getenv(variable);
        return value != NULL ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

/* In each process: a child does not inherit its parent's timer. */
static inline void torture_live_briefly(void) {
        sigset_t alarm_only;

        sigemptyset(&alarm_only);
        sigaddset(&alarm_only, SIGALRM);
        signal(SIGALRM, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
        alarm(torture_number("TORTURE_LIFE", 20));
}

/* First of all. Where only TAP is understood, the one test of the program has passed before it begins to misbehave. */
static inline void torture_begin(void) {
        torture_live_briefly();
        if (getenv("TORTURE_TAP") != NULL) {
                puts("1..1\nok 1 - began");
                fflush(stdout);
        }
}

/* A child, which lives briefly too. */
static inline pid_t torture_fork(void) {
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                torture_live_briefly();
        }
        return pid;
}

/* A child in a session of its own; it is there when the parent goes on. */
static inline pid_t torture_fork_session(void) {
        pid_t pid = torture_fork();

        if (pid == 0) {
                setsid();
        }
        while (pid > 0 && getsid(pid) != pid) {
                usleep(1000);
        }
        return pid;
}

static inline void torture_close_all(void) {
        for (int fd = 0; fd < 256; fd++) {
                close(fd);
        }
}

__attribute__((noreturn)) static inline void torture_wait_forever(void) {
        for (;;) {
                pause();
        }
}

/* Touches memory until there is enough, or no more of it; says which. */
static inline int torture_take_memory(void) {
        const size_t step = 4 << 20;
        size_t most = (size_t)torture_number("TORTURE_SIZE", 256) << 20;
        size_t taken = 0;

        while (taken < most) {
                char *block = malloc(step);
                if (block == NULL) {
                        fprintf(stderr, "no more memory after %zu MiB\n", taken >> 20);
                        return 1;
                }
                memset(block, 1, step);
                taken += step;
        }
        printf("%zu MiB of memory were there\n", taken >> 20);
        return 0;
}
