/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints 8 MiB without a newline anywhere, and exits with 0. */

#include "torture.h"

int main(void) {
        static char block[64 << 10];

        torture_begin();
        memset(block, 'x', sizeof(block));
        for (int i = 0; i < 128; i++) {
                fwrite(block, 1, sizeof(block), stdout);
        }
        fputs("the end", stdout);
        return 0;
}
