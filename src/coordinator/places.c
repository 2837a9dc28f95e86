/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/text.h"
#include "ptest/protocol.h"

/* A link in the run's directory. */
#define PLACES_LINK "places"

/* "ptest-" and six characters. In it is a file that is locked as long as the coordinator lives. */
#define PLACES_PREFIX      "ptest-"
#define PLACES_NAME_LENGTH 12U
#define PLACES_MARK        ".ptest-places"

struct Places {
        char *path;
        char *link;
        int mark_fd; /* the lock is on it */
};

/* What was kept stays, and so does what it is in. */
static void places_remove(const char *path) {
        _cleanup_free_ char *new = NULL, *kept = NULL, *mark = NULL;
        int r;

        if (path_join(path, PTEST_PLACES_NEW, &new) < 0 ||
            path_join(path, PTEST_PLACES_KEPT, &kept) < 0 ||
            path_join(path, PLACES_MARK, &mark) < 0)
                return;
        r = dir_remove(new);
        if (r < 0)
                log_warning("Failed to remove all of %s: %s", new, strerror(-r));
        (void)rmdir(kept);
        (void)unlink(mark);
        (void)rmdir(path);
}

/* Before there is anything in it that would be removed if nobody held the lock. Without locks others get none, either. */
static int places_mark(Places *places) {
        _cleanup_free_ char *mark = NULL;
        int r = path_join(places->path, PLACES_MARK, &mark);

        if (r < 0)
                return r;
        places->mark_fd = open(mark, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (places->mark_fd < 0)
                return -errno;
        (void)flock(places->mark_fd, LOCK_EX | LOCK_NB);
        return 0;
}

static int places_make(const char *path, const char *name, uid_t uid, gid_t gid) {
        _cleanup_free_ char *place = NULL;
        int r = path_join(path, name, &place);

        if (r < 0)
                return r;
        if (mkdir(place, 0700) < 0)
                return -errno;
        return uid != geteuid() && lchown(place, uid, gid) < 0 ? -errno : 0;
}

const char *places_find_parent(void) {
        const char *tmp = getenv("TMPDIR");

        return tmp && tmp[0] == '/' ? tmp : "/tmp";
}

static int places_make_all(Places *places, uid_t uid, gid_t gid) {
        int r;

        r = text_setf(&places->path, "%s/" PLACES_PREFIX "XXXXXX", places_find_parent());
        if (r < 0)
                return r;
        if (!mkdtemp(places->path)) {
                r = -errno;
                free(TAKE_PTR(places->path));
                return r;
        }
        if (uid != geteuid() && chmod(places->path, 0711) < 0)
                return -errno;
        if (symlink(places->path, places->link) < 0)
                return -errno;
        r = places_mark(places);
        if (r < 0)
                return r;
        r = places_make(places->path, PTEST_PLACES_NEW, uid, gid);
        return r < 0 ? r : places_make(places->path, PTEST_PLACES_KEPT, uid, gid);
}

int places_new(const char *directory, uid_t uid, gid_t gid, Places **ret) {
        _cleanup_(places_freep) Places *places = calloc(1, sizeof(*places));
        int r;

        if (!places)
                return -ENOMEM;
        places->mark_fd = -1;
        r = path_join(directory, PLACES_LINK, &places->link);
        if (r >= 0)
                r = places_make_all(places, uid, gid);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(places);
        return 0;
}

Places *places_free(Places *places) {
        if (!places)
                return NULL;
        if (places->path)
                places_remove(places->path);
        fd_close(places->mark_fd);
        free(places->path);
        free(places->link);
        free(places);
        return NULL;
}

const char *places_get_path(const Places *places) {
        return places->path;
}

void places_remove_abandoned(const char *directory) {
        _cleanup_free_ char *link = NULL;
        char path[PATH_MAX];
        ssize_t n;

        if (path_join(directory, PLACES_LINK, &link) < 0)
                return;
        n = readlink(link, path, sizeof(path) - 1);
        if (n <= 0)
                return;
        path[n] = '\0';
        places_remove(path);
}

/* Ours, whole, and of a coordinator that is dead: then the lock on it is our caller's. */
static int places_lock_abandoned(int parent_fd, const char *name) {
        _cleanup_close_ int fd = -1, mark_fd = -1;
        struct stat st;

        if (strlen(name) != PLACES_NAME_LENGTH || !text_starts_with(name, PLACES_PREFIX))
                return -ENOENT;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() || fstatat(fd, PTEST_PLACES_NEW, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISDIR(st.st_mode))
                return -ENOENT;
        mark_fd = openat(fd, PLACES_MARK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (mark_fd < 0 || flock(mark_fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        return TAKE_FD(mark_fd);
}

void places_remove_all_abandoned(void) {
        const char *parent = places_find_parent();
        DIR *dir = opendir(parent);
        struct dirent *entry;

        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *path = NULL;
                _cleanup_close_ int fd = places_lock_abandoned(dirfd(dir), entry->d_name);

                if (fd >= 0 && path_join(parent, entry->d_name, &path) >= 0)
                        places_remove(path);
        }
        (void)closedir(dir);
}
