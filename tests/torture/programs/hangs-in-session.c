/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waits for a child that hangs, in a session of its own and with all files closed. */

#include "torture.h"

int main(void) {
        pid_t child;

        torture_begin();
        child = torture_fork_session();
        if (child == 0) {
                torture_close_all();
                torture_wait_forever();
        }
        waitpid(child, NULL, 0);
        return 0;
}
