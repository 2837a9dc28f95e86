/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grandchild takes all the memory that it can get; the program exits with 0, whatever became of it. */

#include "torture.h"

int main(void) {
        pid_t child, grandchild;

        torture_begin();
        child = torture_fork();
        if (child == 0) {
                grandchild = torture_fork();
                if (grandchild == 0) {
                        exit(torture_take_memory());
                }
                waitpid(grandchild, NULL, 0);
                _exit(0);
        }
        waitpid(child, NULL, 0);
        return 0;
}
