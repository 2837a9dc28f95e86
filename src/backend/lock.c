/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who finds a file that nobody has locked may remove it. So one who makes a file must look, once it has
 * the lock, whether the locked file is still the one of that name, and otherwise try again.
 */

#include "backend/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/macros.h"

#define LOCK_TRIES 16

static int lock_get_directory(char **ret) {
        const char *base = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");

        if (!base || base[0] != '/')
                return -ENXIO;

        return path_join(base, "ptest", ret);
}

static int lock_get_path(const char *run_id, char **ret) {
        _cleanup_free_ char *directory = NULL;
        char *path = NULL;

        int r = lock_get_directory(&directory);
        if (r < 0)
                return r;

        if (asprintf(&path, "%s/%s.lock", directory, run_id) < 0)
                return -ENOMEM;

        *ret = path;
        return 0;
}

static bool file_has_path(int fd, const char *path) {
        struct stat a, b;

        return fstat(fd, &a) >= 0 && lstat(path, &b) >= 0 && a.st_dev == b.st_dev &&
                        a.st_ino == b.st_ino;
}

/* 0; -EAGAIN: removed under us, try again */
static int lock_try(const char *path, int *ret_fd) {
        _cleanup_close_ int fd = open(
                        path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
                return errno == ENOENT ? -EAGAIN : -errno;

        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;

        if (!file_has_path(fd, path))
                return -EAGAIN;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

/* What coordinators left behind that were killed */
static void lock_sweep(const char *directory) {
        _cleanup_(closedirp) DIR *d = opendir(directory);

        if (!d)
                return;

        for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
                _cleanup_free_ char *run_id = NULL;
                const char *suffix = strrchr(entry->d_name, '.');

                if (!suffix || strcmp(suffix, ".lock") != 0)
                        continue;

                run_id = strndup(entry->d_name, (size_t)(suffix - entry->d_name));
                if (run_id)
                        (void)lock_is_held(run_id);
        }
}

int lock_acquire(const char *run_id, Lock *ret) {
        _cleanup_free_ char *directory = NULL, *path = NULL;

        int r = lock_get_directory(&directory);
        if (r < 0)
                return r;

        r = lock_get_path(run_id, &path);
        if (r < 0)
                return r;

        for (unsigned i = 0; i < LOCK_TRIES; i++) {
                int fd = -1;

                r = dir_make(directory, 0755);
                if (r < 0)
                        return r;

                r = lock_try(path, &fd);
                if (r == -EAGAIN)
                        continue;
                if (r < 0)
                        return r;

                lock_sweep(directory);
                *ret = (Lock){ .fd = fd, .path = TAKE_PTR(path) };
                return 0;
        }

        return -EBUSY;
}

void lock_release(Lock *lock) {
        if (lock->path) {
                _cleanup_free_ char *directory = NULL;

                (void)unlink(lock->path);
                /* The last one leaves nothing behind; a directory that has others' files stays. */
                if (lock_get_directory(&directory) >= 0)
                        (void)rmdir(directory);
        }

        free(TAKE_PTR(lock->path));
        lock->fd = fd_close(lock->fd);
}

bool lock_is_held(const char *run_id) {
        _cleanup_free_ char *path = NULL;

        /* When in doubt somebody lives: a stray is only ever removed when its coordinator is surely gone. */
        if (lock_get_path(run_id, &path) < 0)
                return true;

        _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return errno != ENOENT;

        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return true;

        (void)unlink(path);
        return false;
}
