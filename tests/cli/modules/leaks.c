/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ptest/test.h>

#include <unistd.h>

/* A daemon: in a session of its own, with nothing open. */
PTEST(daemon) {
        if (fork() != 0)
                return;
        (void)setsid();
        for (int fd = 0; fd < 256; fd++)
                close(fd);
        for (;;)
                pause();
}
