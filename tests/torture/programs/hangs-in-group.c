/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hangs. SIGTERM ends it, but not its child in the same group, which is deaf to whatever can be ignored. */

#include "torture.h"

int main(void) {
        torture_begin();
        if (torture_fork() == 0) {
                for (int number = 1; number < NSIG; number++) {
                        if (number != SIGALRM && number != SIGCHLD) {
                                signal(number, SIG_IGN);
                        }
                }
                torture_wait_forever();
        }
        torture_wait_forever();
}
