/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exits with 0. A daemon is left: forked twice, in a session of its own, with all files closed. */

#include "torture.h"

int main(void) {
        pid_t child;

        torture_begin();
        child = torture_fork();
        if (child == 0) {
                setsid();
                if (torture_fork() == 0) {
                        (void)!chdir("/");
                        torture_close_all();
                        torture_wait_forever();
                }
                _exit(0);
        }
        waitpid(child, NULL, 0);
        return 0;
}
