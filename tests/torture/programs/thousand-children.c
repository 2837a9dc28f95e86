/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starts 1,000 short-lived processes, half of them orphans, waits for its children, and exits with 0. */

#include "torture.h"

int main(void) {
        torture_begin();
        for (int i = 0; i < 500; i++) {
                pid_t child = torture_fork();
                if (child < 0) {
                        perror("fork");
                        return 1;
                }
                if (child == 0) {
                        torture_fork();
                        _exit(0);
                }
        }
        while (wait(NULL) > 0) {
        }
        return 0;
}
