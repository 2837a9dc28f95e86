/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills the process that started it, then hangs. */

#include "torture.h"

int main(void) {
        pid_t parent = getppid();

        torture_begin();
        if (parent == 1) {
                fprintf(stderr, "started by the first process, which is spared\n");
                return 1;
        }
        kill(parent, SIGKILL);
        torture_wait_forever();
}
