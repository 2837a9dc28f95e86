/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <sys/types.h>

/* Closes fd unless it is negative; keeps errno. Returns -1, for fd = fd_close(fd). */
int fd_close(int fd);

static inline void fd_closep(int *fd) {
        fd_close(*fd);
}

#define _cleanup_close_ _cleanup_(fd_closep)

int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* Whether path, with its links followed, is what fd has open: "/dev/stdout", "/dev/fd/1", or a file by its name. */
bool fd_is_path(int fd, const char *path);

/*
 * Opens for writing, from the start of a file, what a user asks some output to be written to. What stdout has open is
 * continued and not cut; a fifo that nobody reads is an error and does not block.
 */
int fd_open_output(const char *path);

/* Writes all of data, over short writes and EINTR. */
int fd_write_all(int fd, const void *data, size_t size);

/* Reads to the end of fd, at most max bytes (-EFBIG beyond). The data is NUL-terminated for convenience. */
int fd_read_all(int fd, size_t max, char **ret_data, size_t *ret_size);
