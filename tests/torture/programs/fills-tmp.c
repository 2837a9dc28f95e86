/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fills the place for temporary files, at most with what it is told, leaves it there with a directory that cannot be
 * entered, and exits with 0. */

#include <sys/stat.h>

#include "torture.h"

int main(void) {
        static char block[64 << 10];
        const char *tmp = getenv("TMPDIR");
        size_t most = (size_t)torture_number("TORTURE_SIZE", 64) << 20;
        size_t written = 0;
        int fd;

        torture_begin();
        if (chdir(tmp != NULL ? tmp : "/tmp") < 0) {
                perror("TMPDIR");
                return 1;
        }
        mkdir("torture-closed", 0700);
        close(open("torture-closed/file", O_WRONLY | O_CREAT, 0600));
        chmod("torture-closed", 0);
        fd = open("torture-fill", O_WRONLY | O_CREAT, 0600);
        if (fd < 0) {
                perror("torture-fill");
                return 1;
        }
        while (written < most) {
                ssize_t now = write(fd, block, sizeof(block));
                if (now <= 0) {
                        break;
                }
                written += (size_t)now;
        }
        fprintf(stderr,
                "%zu MiB, then: %s\n",
                written >> 20,
                written < most ? strerror(errno) : "enough");
        return 0;
}
