/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK_MIN ((size_t)4096)

int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                /* Linux releases the number in every case, also on EINTR: there is nothing to repeat. */
                close(fd);
                errno = saved;
        }
        return -1;
}

static int fd_change_flag(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get);

        if (flags < 0)
                return -errno;

        int wanted = on ? flags | flag : flags & ~flag;

        if (wanted != flags && fcntl(fd, set, wanted) < 0)
                return -errno;
        return 0;
}

int fd_set_nonblock(int fd, bool nonblock) {
        return fd_change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock);
}

int fd_set_cloexec(int fd, bool cloexec) {
        return fd_change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}

bool fd_is_path(int fd, const char *path) {
        struct stat a, b;

        return fstat(fd, &a) >= 0 && stat(path, &b) >= 0 && a.st_dev == b.st_dev &&
                        a.st_ino == b.st_ino;
}

int fd_open_output(const char *path) {
        int fd, r;

        if (fd_is_path(STDOUT_FILENO, path)) {
                fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                return fd < 0 ? -errno : fd;
        }
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
        if (fd < 0)
                return -errno;
        r = fd_set_nonblock(fd, false);
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        return fd;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const char *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

/* What a regular file says of its size saves growing; /proc and pipes say 0. */
static size_t fd_guess_size(int fd, size_t max) {
        struct stat st;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)READ_CHUNK_MIN)
                return MIN(READ_CHUNK_MIN, max);
        return MIN((size_t)st.st_size, max);
}

int fd_read_all(int fd, size_t max, char **ret_data, size_t *ret_size) {
        /* One byte beyond max tells a file of max bytes from a larger one, and holds the NUL. */
        if (max >= SIZE_MAX / 2)
                max = SIZE_MAX / 2 - 1;

        size_t allocated = fd_guess_size(fd, max) + 1, size = 0;
        _cleanup_free_ char *data = malloc(allocated);

        if (!data)
                return -ENOMEM;

        for (;;) {
                ssize_t n = read(fd, data + size, allocated - size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;

                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
                if (size == allocated) {
                        allocated = MIN(allocated * 2, max + 1);

                        char *larger = realloc(data, allocated);

                        if (!larger)
                                return -ENOMEM;
                        data = larger;
                }
        }

        data[size] = '\0';
        if (ret_data)
                *ret_data = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}
