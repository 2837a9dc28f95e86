/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prints as much as it is told to, in lines, and exits with 0. */

#include "torture.h"

int main(void) {
        static char block[64 << 10];
        unsigned long long left = (unsigned long long)torture_number("TORTURE_SIZE", 200) << 20;

        torture_begin();
        for (size_t i = 0; i < sizeof(block); i++) {
                block[i] = i % 64 == 63 ? '\n' : '#';
        }
        while (left > 0) {
                ssize_t written = write(
                                STDOUT_FILENO,
                                block,
                                left < sizeof(block) ? (size_t)left : sizeof(block));
                if (written < 0) {
                        perror("write");
                        return 1;
                }
                left -= (unsigned long long)written;
        }
        fprintf(stderr, "all was written\n");
        return 0;
}
