/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-id128.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/text.h"

#define UNFINISHED_SUFFIX   ".unfinished"
#define UNFINISHED_DIGITS   8
/* Of the report's name, so that there is room for the rest within the 255 bytes of a file's name. */
#define UNFINISHED_NAME_MAX 200
/* Somebody who looks for what was left can take a new one for that only between two system calls. */
#define UNFINISHED_TRIES    100U

bool report_file_is_stream(const char *path) {
        struct stat st;

        return (lstat(path, &st) >= 0 && !S_ISREG(st.st_mode)) || fd_is_path(STDOUT_FILENO, path);
}

static int directory_of(const char *path, char **ret) {
        *ret = strndup(path, (size_t)(path_basename(path) - path));
        return *ret ? 0 : -ENOMEM;
}

/* Whether it is one of those of this report */
static bool name_is_unfinished(const char *name, const char *report) {
        size_t size = strnlen(report, UNFINISHED_NAME_MAX);

        return name[0] == '.' && strncmp(name + 1, report, size) == 0 && name[1 + size] == '.' &&
                        strspn(name + 1 + size + 1, "0123456789abcdef") == UNFINISHED_DIGITS &&
                        strcmp(name + 1 + size + 1 + UNFINISHED_DIGITS, UNFINISHED_SUFFIX) == 0;
}

/* With the writer's lock, so that it cannot be one that begins to write it just now. */
static void unfinished_remove(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(
                        dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }) >= 0)
                (void)unlinkat(dir_fd, name, 0);
}

static void remove_left_behind(const char *path) {
        _cleanup_free_ char *directory = NULL;
        const struct dirent *entry;
        DIR *dir;

        if (directory_of(path, &directory) < 0)
                return;
        dir = opendir(directory);
        while (dir && (entry = readdir(dir)))
                if (name_is_unfinished(entry->d_name, path_basename(path)))
                        unfinished_remove(dirfd(dir), entry->d_name);
        if (dir)
                closedir(dir);
}

/* -EAGAIN: somebody has just taken it for one that was left */
static int unfinished_create(const char *path) {
        _cleanup_close_ int fd = open(
                        path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
        struct stat st;

        if (fd < 0)
                return -errno;
        /* A file system without locks: it has nobody who removes it, either. */
        if (fcntl(fd, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }) < 0 &&
            (errno == EAGAIN || errno == EACCES))
                return -EAGAIN;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_nlink == 0 ? -EAGAIN : TAKE_FD(fd);
}

int report_file_create(const char *path, char **ret_unfinished) {
        _cleanup_free_ char *directory = NULL;
        int r;

        assert(path);
        assert(ret_unfinished);

        remove_left_behind(path);
        r = directory_of(path, &directory);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < UNFINISHED_TRIES; i++) {
                _cleanup_free_ char *unfinished = NULL;
                char id[SD_ID128_STRING_MAX];
                sd_id128_t random;

                r = sd_id128_randomize(&random);
                if (r < 0)
                        return r;
                if (asprintf(&unfinished,
                             "%s.%.*s.%.*s" UNFINISHED_SUFFIX,
                             directory,
                             UNFINISHED_NAME_MAX,
                             path_basename(path),
                             UNFINISHED_DIGITS,
                             sd_id128_to_string(random, id)) < 0) {
                        unfinished = NULL;
                        return -ENOMEM;
                }
                r = unfinished_create(unfinished);
                if (r >= 0)
                        *ret_unfinished = TAKE_PTR(unfinished);
                if (r != -EAGAIN && r != -EEXIST)
                        return r;
        }
        return r;
}

int report_file_finish(char **unfinished, const char *path) {
        if (rename(*unfinished, path) < 0)
                return -errno;
        free(*unfinished);
        *unfinished = NULL;
        return 0;
}
