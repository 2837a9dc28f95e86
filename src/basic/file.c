/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files, directories and paths
 *
 * dir_remove() may run as root over what an untrusted test left behind. It works on directory fds only and
 * follows no link, so that nobody can make it remove something else by swapping a directory for a link.
 */
#include "basic/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macros.h"

/* What execvp() takes if there is no $PATH. */
#define PATH_DEFAULT "/bin:/usr/bin"

/* Directories kept open at the same time; what lies deeper is moved up. Far below any limit of open files. */
#define REMOVE_DEPTH_MAX 64U

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

#define _cleanup_closedir_ _cleanup_(closedirp)

int file_read_at(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        return fd_read_all(fd, max, ret_data, ret_size);
}

int file_read(const char *path, size_t max, char **ret_data, size_t *ret_size) {
        return file_read_at(AT_FDCWD, path, max, ret_data, ret_size);
}

int file_read_regular(const char *path, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENODEV;
        return fd_read_all(fd, max, ret_data, ret_size);
}

static int dir_make_one(const char *path, mode_t mode) {
        if (mkdir(path, mode) == 0)
                return 0;

        int error = -errno;

        /* Not only EEXIST: a read-only file system says EROFS also for what is there. */
        if (path_is_directory(path))
                return 0;
        return error == -EEXIST ? -ENOTDIR : error;
}

int dir_make(const char *path, mode_t mode) {
        if (path[0] == '\0')
                return -ENOENT;

        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;

        for (char *p = copy + 1; *p; p++) {
                if (*p != '/' || p[-1] == '/')
                        continue;

                *p = '\0';
                int r = dir_make_one(copy, mode);
                *p = '/';
                if (r < 0)
                        return r;
        }
        return dir_make_one(copy, mode);
}

typedef struct Removal {
        int top_fd; /* weak: owned by dir_remove() */
        dev_t device;
        uint64_t mount;
        unsigned n_moved; /* directories moved up to the top, which has to be read again */
        int error;        /* the first; what can be removed is removed all the same */
} Removal;

static void removal_fail(Removal *removal, int error) {
        if (removal->error == 0)
                removal->error = error;
}

/* A directory too deep to be entered becomes one directly below the top, under a name of ours. */
static int removal_move_up(Removal *removal, int dir_fd, const char *name) {
        _cleanup_free_ char *moved = NULL;

        for (unsigned i = 0; i < 1000; i++) {
                free(TAKE_PTR(moved));
                if (asprintf(&moved, ".ptest-removed-%u", removal->n_moved + i) < 0)
                        return -ENOMEM;
                if (renameat2(dir_fd, name, removal->top_fd, moved, RENAME_NOREPLACE) == 0) {
                        removal->n_moved += i + 1;
                        return 0;
                }
                if (errno != EEXIST)
                        return -errno;
        }
        return -EEXIST;
}

/* A number of the mount that it is on; 0 before Linux 5.8, where only the device tells. */
static uint64_t fd_get_mount(int fd) {
        struct statx st;

        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0 ||
            !(st.stx_mask & STATX_MNT_ID))
                return 0;
        return st.stx_mnt_id;
}

/* Opens a directory below dir_fd so that its entries can be removed, also one that its owner made unreadable. */
static int removal_open(const Removal *removal, int dir_fd, const char *name, int *ret_fd) {
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
        _cleanup_close_ int fd = openat(dir_fd, name, flags);

        if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
                fd = openat(dir_fd, name, flags);
        if (fd < 0)
                return -errno;

        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        /* What is mounted from the same file system has the same device, and is not ours either. */
        if (st.st_dev != removal->device || fd_get_mount(fd) != removal->mount)
                return -EXDEV;
        /* May fail for a directory of somebody else; then it is the removal below it that tells. */
        if ((st.st_mode & S_IRWXU) != S_IRWXU)
                (void)fchmod(fd, S_IRWXU);

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* What chattr(1) made immutable, or open to additions only, can be removed by nobody, root included. */
static void fd_unprotect(int fd) {
        int flags;

        if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
                return;
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* The same for an entry and the directory that it is in. Nothing but files and directories has these flags. */
static void entry_unprotect(const Removal *removal, int dir_fd, const char *name) {
        struct stat st;

        if (dir_fd != AT_FDCWD)
                fd_unprotect(dir_fd);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != removal->device ||
            !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
                return;

        _cleanup_close_ int fd = openat(
                        dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd >= 0 && fd_get_mount(fd) == removal->mount)
                fd_unprotect(fd);
}

static bool entry_unlink(const Removal *removal, int dir_fd, const char *name, int flags) {
        if (unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT)
                return true;
        if (errno != EPERM)
                return false;
        entry_unprotect(removal, dir_fd, name);
        return unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT;
}

static void removal_empty(Removal *removal, int dir_fd, unsigned depth);

static void removal_remove_entry(Removal *removal, int dir_fd, const char *name, unsigned depth) {
        if (entry_unlink(removal, dir_fd, name, 0))
                return;
        /* EISDIR is what Linux says for a directory, EPERM what POSIX does. */
        if (errno != EISDIR && errno != EPERM) {
                removal_fail(removal, -errno);
                return;
        }
        if (entry_unlink(removal, dir_fd, name, AT_REMOVEDIR))
                return;

        int r;

        if (depth >= REMOVE_DEPTH_MAX) {
                r = removal_move_up(removal, dir_fd, name);
                if (r < 0)
                        removal_fail(removal, r);
                return;
        }

        _cleanup_close_ int fd = -1;

        r = removal_open(removal, dir_fd, name, &fd);
        if (r < 0) {
                removal_fail(removal, r);
                return;
        }
        removal_empty(removal, fd, depth + 1);
        if (!entry_unlink(removal, dir_fd, name, AT_REMOVEDIR))
                removal_fail(removal, -errno);
}

static void removal_empty(Removal *removal, int dir_fd, unsigned depth) {
        /* A description of its own, so that each reading begins at the start. */
        _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0) {
                removal_fail(removal, -errno);
                return;
        }

        _cleanup_closedir_ DIR *dir = fdopendir(fd);

        if (!dir) {
                removal_fail(removal, -errno);
                return;
        }
        TAKE_FD(fd);

        for (;;) {
                errno = 0;
                struct dirent *entry = readdir(dir);

                if (!entry) {
                        if (errno != 0)
                                removal_fail(removal, -errno);
                        return;
                }
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                removal_remove_entry(removal, dir_fd, entry->d_name, depth);
        }
}

int dir_remove(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;

        Removal removal = { .device = st.st_dev };
        _cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        removal.mount = fd_get_mount(fd);
        fd = fd_close(fd);

        int r = removal_open(&removal, AT_FDCWD, path, &fd);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        removal.top_fd = fd;

        unsigned n_moved;

        do {
                n_moved = removal.n_moved;
                removal_empty(&removal, fd, 0);
        } while (removal.n_moved != n_moved && removal.error == 0);

        if (removal.error < 0)
                return removal.error;
        if (!entry_unlink(&removal, AT_FDCWD, path, AT_REMOVEDIR))
                return -errno;
        return 0;
}

int path_join(const char *a, const char *b, char **ret) {
        char *joined = NULL;

        if (!a || a[0] == '\0' || b[0] == '/')
                joined = strdup(b);
        else if (b[0] == '\0')
                joined = strdup(a);
        else if (asprintf(&joined, "%s%s%s", a, a[strlen(a) - 1] == '/' ? "" : "/", b) < 0)
                joined = NULL;
        if (!joined)
                return -ENOMEM;

        *ret = joined;
        return 0;
}

/* Drops "." and repeated slashes; ".." stays, as it may lead elsewhere than the text says. */
static void path_simplify(char *path) {
        char *to = path;

        for (const char *p = path; *p;) {
                size_t slashes = strspn(p, "/"), length = strcspn(p + slashes, "/");

                p += slashes;
                if (length > 0 && !(length == 1 && p[0] == '.')) {
                        *to++ = '/';
                        memmove(to, p, length);
                        to += length;
                }
                p += length;
        }
        if (to == path)
                *to++ = '/';
        *to = '\0';
}

int path_make_absolute(const char *path, char **ret) {
        if (path[0] == '\0')
                return -ENOENT;

        _cleanup_free_ char *absolute = NULL;

        if (path[0] == '/') {
                absolute = strdup(path);
                if (!absolute)
                        return -ENOMEM;
        } else {
                _cleanup_free_ char *cwd = getcwd(NULL, 0);

                if (!cwd)
                        return -errno;

                int r = path_join(cwd, path, &absolute);

                if (r < 0)
                        return r;
        }

        path_simplify(absolute);
        *ret = TAKE_PTR(absolute);
        return 0;
}

const char *path_basename(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int path_check_program(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EACCES;
        return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int path_find_program(const char *name, char **ret) {
        if (name[0] == '\0')
                return -ENOENT;
        if (strchr(name, '/')) {
                char *copy = strdup(name);

                if (!copy)
                        return -ENOMEM;
                *ret = copy;
                return 0;
        }

        const char *path = getenv("PATH") ?: PATH_DEFAULT;
        int result = -ENOENT;

        for (;;) {
                size_t length = strcspn(path, ":");
                _cleanup_free_ char *candidate = NULL;

                /* An empty part is the working directory. */
                if (asprintf(&candidate,
                             "%.*s/%s",
                             length > 0 ? (int)length : 1,
                             length > 0 ? path : ".",
                             name) < 0)
                        return -ENOMEM;

                int r = path_check_program(candidate);

                if (r == 0) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                if (r == -EACCES)
                        result = -EACCES;

                if (path[length] == '\0')
                        return result;
                path += length + 1;
        }
}

bool path_is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
