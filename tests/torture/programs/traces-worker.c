/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stops the process that started it by ptrace(2), and never lets it go on; exits with 0 if that is refused. */

#include <sys/ptrace.h>

#include "torture.h"

int main(void) {
        pid_t parent = getppid();

        torture_begin();
        if (parent == 1) {
                fprintf(stderr, "started by the first process, which is spared\n");
                return 1;
        }
        if (ptrace(PTRACE_SEIZE, parent, NULL, NULL) < 0 ||
            ptrace(PTRACE_INTERRUPT, parent, NULL, NULL) < 0) {
                printf("refused: %s\n", strerror(errno));
                return 0;
        }
        fprintf(stderr, "stopped the process that started it\n");
        torture_wait_forever();
}
