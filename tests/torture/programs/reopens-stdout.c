/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Closes stdout, opens it again, and prints before and after; exits with 0. */

#include "torture.h"

int main(void) {
        torture_begin();
        puts("before");
        fflush(stdout);
        close(STDOUT_FILENO);
        usleep(300 * 1000);
        /* The lowest that is free is stdout. What stdout was cannot be opened again if it is a socket. */
        if (open("/proc/self/fd/2", O_WRONLY) != STDOUT_FILENO &&
            dup(STDERR_FILENO) != STDOUT_FILENO) {
                perror("stdout");
                return 1;
        }
        puts("after");
        return 0;
}
