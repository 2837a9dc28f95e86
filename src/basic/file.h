/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file, at most max bytes (-EFBIG beyond); NUL-terminated. Works on /proc and /sys. */
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_size);
/* The same of what somebody else may have put there: never waits for the writer of a FIFO. -ENODEV: not a regular file */
int file_read_regular(const char *path, size_t max, char **ret_data, size_t *ret_size);
int file_read_at(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size);

/* Creates a directory and those above it, like mkdir -p. -ENOTDIR: something else is there */
int dir_make(const char *path, mode_t mode);

/*
 * Removes a directory and all below it; does not follow links, nor leave the file system. Missing is good. What can be
 * removed is, also when something cannot be; the first error is returned.
 */
int dir_remove(const char *path);

/* a/b, or b if it is absolute, or if a is NULL or "". */
int path_join(const char *a, const char *b, char **ret);

/*
 * Absolute; relative to the working directory. "." and repeated slashes are dropped, ".." and links are not resolved.
 * -ENOENT for "".
 */
int path_make_absolute(const char *path, char **ret);

/* The last part of a path, inside it; "" for a path that ends in a slash. */
const char *path_basename(const char *path);

/* A program's file as execvp() would find it in $PATH; a name with a slash is taken as it is. -ENOENT, -EACCES */
int path_find_program(const char *name, char **ret);

bool path_is_directory(const char *path);
