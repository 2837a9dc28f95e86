/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Exits with 0. A child in a session of its own holds its stdout, and goes on writing to it. */

#include "torture.h"

int main(void) {
        torture_begin();
        if (torture_fork_session() == 0) {
                signal(SIGPIPE, SIG_IGN);
                for (;;) {
                        (void)!write(STDOUT_FILENO, ".\n", 2);
                        usleep(100 * 1000);
                }
        }
        return 0;
}
