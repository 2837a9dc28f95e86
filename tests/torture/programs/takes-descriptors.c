/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes all the file descriptors that it may have, at most 20,000, and fails because there are no more. */

#include <sys/resource.h>

#include "torture.h"

#define DESCRIPTORS_MAX 20000

int main(void) {
        struct rlimit limit;
        unsigned count = 0;

        torture_begin();
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
        setrlimit(RLIMIT_NOFILE, &limit);
        while (dup(STDOUT_FILENO) >= 0) {
                count++;
        }
        fprintf(stderr, "no descriptor after %u: %s\n", count, strerror(errno));
        return 1;
}
