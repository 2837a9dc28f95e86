/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tests that note that they ran: their name, as a line of the file $NOTES. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ptest/test.h>

static void note(const char *line) {
        int fd = open(getenv("NOTES"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

        ptest_assert(fd >= 0);
        ptest_assert(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
        close(fd);
        usleep(1000);
}

#define NOTE(name)                \
        PTEST(name) {             \
                note(#name "\n"); \
        }
#define FIVE(name) NOTE(name##0) NOTE(name##1) NOTE(name##2) NOTE(name##3) NOTE(name##4)
#define TEN(name)  FIVE(name##0) FIVE(name##1)

TEN(a)
TEN(b)
TEN(c)
TEN(d)
TEN(e)
TEN(f)
TEN(g)
TEN(h)
TEN(i)
TEN(j)
TEN(k)
TEN(l)
