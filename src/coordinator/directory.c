/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/text.h"
#include "coordinator/places.h"
#include "ptest/protocol.h"

/* "/r-" and 12 digits, "/w1000g1000000": what comes after the base in the longest path. */
#define DIRECTORY_BASE_MAX (107U - 15U - 15U)
#define DIRECTORY_PREFIX   "r-"

struct RunDirectory {
        char *path;
        int fd; /* the lock is on it */
};

static int run_directory_lock(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* What coordinators left that had no chance to clean up. */
static void run_directory_remove_stale(const char *base) {
        DIR *dir = opendir(base);
        struct dirent *entry;

        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = -1;

                if (!text_starts_with(entry->d_name, DIRECTORY_PREFIX) ||
                    text_setf(&path, "%s/%s", base, entry->d_name) < 0)
                        continue;
                fd = run_directory_lock(path);
                if (fd < 0)
                        continue;
                places_remove_abandoned(path);
                (void)dir_remove(path);
        }
        (void)closedir(dir);
}

/* Workers of another user get through to the sockets; a test of theirs cannot take one away or put its own there. */
static int run_directory_open_to(int fd, uid_t uid, gid_t gid) {
        if (mkdirat(fd, PTEST_FILES_DIRECTORY, 0700) < 0)
                return -errno;
        if (uid == geteuid())
                return 0;
        if (fchownat(fd, PTEST_FILES_DIRECTORY, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, 0710) < 0)
                return -errno;
        return 0;
}

/* -EAGAIN: another coordinator took it for stale before it was locked. */
static int run_directory_make_locked(const char *path, uid_t uid, gid_t gid, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (mkdir(path, 0700) < 0)
                return -errno;
        fd = run_directory_lock(path);
        if (fd == -ENOENT || fd == -EWOULDBLOCK)
                return -EAGAIN;
        if (fd < 0)
                return fd;
        r = run_directory_open_to(fd, uid, gid);
        if (r < 0) {
                (void)dir_remove(path);
                return r == -ENOENT ? -EAGAIN : r;
        }
        if (lstat(path, &st) < 0)
                return -EAGAIN;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Below the base it must be possible for the worker's user to reach its directory. */
static int run_directory_make_below(
                const char *base, sd_id128_t run_id, uid_t uid, gid_t gid, RunDirectory *ret) {
        _cleanup_free_ char *path = NULL;
        char id[SD_ID128_STRING_MAX];
        int r;

        if (strlen(base) > DIRECTORY_BASE_MAX)
                return -ENAMETOOLONG;
        r = dir_make(base, 0755);
        if (r < 0)
                return r;
        run_directory_remove_stale(base);
        r = text_setf(&path, "%s/" DIRECTORY_PREFIX "%.12s", base, sd_id128_to_string(run_id, id));
        if (r < 0)
                return r;
        do
                r = run_directory_make_locked(path, uid, gid, &ret->fd);
        while (r == -EAGAIN);
        if (r < 0)
                return r;
        ret->path = TAKE_PTR(path);
        return 0;
}

static int run_directory_list_bases(char *bases[4]) {
        const char *runtime = getenv("RUNTIME_DIRECTORY"), *xdg = getenv("XDG_RUNTIME_DIR");
        size_t n = 0;
        int r = 0;

        /* systemd gives several, separated by colons: the first is ours. */
        if (runtime && *runtime == '/')
                r = text_setf(&bases[n++], "%.*s", (int)strcspn(runtime, ":"), runtime);
        if (r >= 0 && geteuid() == 0)
                r = text_setf(&bases[n++], "/run/ptest");
        else if (r >= 0 && xdg && *xdg == '/')
                r = text_setf(&bases[n++], "%s/ptest", xdg);
        if (r >= 0)
                r = text_setf(&bases[n++], "/tmp/ptest-%u", (unsigned)geteuid());
        return r;
}

/* A base in /tmp may have been made by somebody else, to look into it. */
static bool run_directory_base_is_safe(const char *base) {
        struct stat st;

        if (lstat(base, &st) < 0)
                return errno == ENOENT;
        return S_ISDIR(st.st_mode) && (st.st_uid == geteuid() || st.st_uid == 0) &&
                        !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int run_directory_new(sd_id128_t run_id, uid_t uid, gid_t gid, RunDirectory **ret) {
        _cleanup_(run_directory_freep) RunDirectory *directory = calloc(1, sizeof(*directory));
        char *bases[4] = {};
        int r, error = -ENOENT;

        if (!directory)
                return -ENOMEM;
        directory->fd = -1;
        r = run_directory_list_bases(bases);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(bases) && bases[i] && error < 0; i++)
                error = run_directory_base_is_safe(bases[i]) ?
                                run_directory_make_below(bases[i], run_id, uid, gid, directory) :
                                -EPERM;
        for (size_t i = 0; i < ELEMENTSOF(bases); i++)
                free(bases[i]);
        if (r < 0 || error < 0)
                return r < 0 ? r : error;
        *ret = TAKE_PTR(directory);
        return 0;
}

RunDirectory *run_directory_free(RunDirectory *directory) {
        if (!directory)
                return NULL;
        if (directory->path) {
                (void)dir_remove(directory->path);
                /* The base too, if this was the last run there and it is of our own making. */
                if (text_starts_with(directory->path, "/tmp/")) {
                        *strrchr(directory->path, '/') = 0;
                        (void)rmdir(directory->path);
                }
        }
        fd_close(directory->fd);
        free(directory->path);
        free(directory);
        return NULL;
}

const char *run_directory_get_path(const RunDirectory *directory) {
        return directory->path;
}
