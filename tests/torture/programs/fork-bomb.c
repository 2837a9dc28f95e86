/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forks until there is a crowd, of which every second one is in a session of its own. From then on each member now and then
 * forks a successor and exits, so that no list of them is ever right. The first process waits. */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <time.h>

#include "torture.h"

/* Also without a timer they come to an end: that many generations follow. */
#define SUCCESSORS 4000

typedef struct Crowd {
        atomic_uint alive, born;
        unsigned most;
        time_t end;
} Crowd;

static time_t now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec;
}

/* False if there are to be no more. */
static bool add_member(Crowd *crowd);

__attribute__((noreturn)) static void be_member(Crowd *crowd, unsigned number) {
        bool complete = false;

        if (number % 2 == 1) {
                setsid();
        }
        /* A successor must not outlive the first. */
        alarm(crowd->end > now() ? (unsigned)(crowd->end - now()) : 1);
        while (!complete) {
                complete = atomic_fetch_add(&crowd->alive, 1) >= crowd->most;
                usleep(complete ? 500 * 1000 : 1000);
                if (!add_member(crowd)) {
                        torture_wait_forever();
                }
        }
        /* Another one has taken its place. */
        atomic_fetch_sub(&crowd->alive, 1);
        _exit(0);
}

static bool add_member(Crowd *crowd) {
        unsigned number = atomic_fetch_add(&crowd->born, 1);

        if (number >= crowd->most + SUCCESSORS || now() >= crowd->end) {
                return false;
        }
        if (fork() == 0) {
                be_member(crowd, number);
        }
        return true;
}

int main(void) {
        Crowd *crowd = mmap(
                        NULL,
                        sizeof(*crowd),
                        PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS,
                        -1,
                        0);

        torture_begin();
        if (crowd == MAP_FAILED) {
                perror("mmap");
                return 1;
        }
        crowd->most = torture_number("TORTURE_SIZE", 200);
        crowd->end = now() + (time_t)torture_number("TORTURE_LIFE", 20);
        signal(SIGCHLD, SIG_IGN);
        add_member(crowd);
        add_member(crowd);
        torture_wait_forever();
}
