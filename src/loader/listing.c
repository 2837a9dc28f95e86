/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/strv.h"

/* Deeper trees are links that lead in circles through other file systems. */
#define DEPTH_MAX 32U

typedef struct Listing {
        const char *root;
        ListingAccept accept;
        size_t max;
        LoadProblems *problems;
        char **found;
        size_t n_found;
        size_t n_allocated;
} Listing;

/* A directory that is being read, and those above it. */
typedef struct Level {
        const struct Level *above;
        dev_t device;
        ino_t inode;
        unsigned depth;
} Level;

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

static int listing_complain(Listing *listing, const char *relative, const char *text) {
        return problems_add(
                        listing->problems,
                        listing->root,
                        0,
                        "%s%s%s",
                        relative,
                        *relative ? ": " : "",
                        text);
}

/* Takes the path, also on failure. strv_extend() would count the vector for each of many thousands. */
static int listing_add(Listing *listing, char *path) {
        if (listing->n_found >= listing->max) {
                free(path);
                listing_complain(listing, "", "too many files");
                return -E2BIG;
        }
        if (array_reserve(listing->found, listing->n_allocated, listing->n_found + 2) < 0) {
                free(path);
                return -ENOMEM;
        }
        listing->found[listing->n_found++] = path;
        listing->found[listing->n_found] = NULL;
        return 0;
}

static int listing_add_copy(Listing *listing, const char *path) {
        char *copy = strdup(path);

        return copy ? listing_add(listing, copy) : -ENOMEM;
}

static bool level_contains(const Level *level, const struct stat *st) {
        for (; level; level = level->above)
                if (level->device == st->st_dev && level->inode == st->st_ino)
                        return true;
        return false;
}

static int listing_read(
                Listing *listing,
                int parent_fd,
                const char *name,
                const char *relative,
                const Level *above);

static int listing_visit(
                Listing *listing,
                int fd,
                const char *name,
                const char *relative,
                const Level *level) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return 0;
        /* Only a link to nowhere is still there without what it names. */
        if (fstatat(fd, name, &st, 0) < 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (!listing->accept(name, st.st_mode))
                return 0;

        r = *relative ? asprintf(&path, "%s/%s", relative, name) : asprintf(&path, "%s", name);
        if (r < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (!S_ISDIR(st.st_mode))
                return listing_add(listing, TAKE_PTR(path));
        if (level->depth >= DEPTH_MAX || level_contains(level, &st))
                return 0;
        return listing_read(listing, fd, name, path, level);
}

static int listing_read(
                Listing *listing,
                int parent_fd,
                const char *name,
                const char *relative,
                const Level *above) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_close_ int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                /* A gap, but not in the whole: the caller finds that it is a directory. */
                if (above)
                        return listing_add_copy(listing, relative);
                listing_complain(listing, relative, strerror(-r));
                return r;
        }
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        TAKE_FD(fd);

        Level level = {
                .above = above,
                .device = st.st_dev,
                .inode = st.st_ino,
                .depth = above ? above->depth + 1 : 0,
        };
        for (;;) {
                errno = 0;
                struct dirent *entry = readdir(dir);

                if (!entry && errno > 0) {
                        r = -errno;
                        listing_complain(listing, relative, strerror(-r));
                        return r;
                }
                if (!entry)
                        return 0;
                r = listing_visit(listing, dirfd(dir), entry->d_name, relative, &level);
                if (r < 0)
                        return r;
        }
}

static int path_compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

int listing_find(
                const char *root,
                ListingAccept accept,
                size_t max,
                char ***ret,
                LoadProblems *problems) {
        Listing listing = { .root = root, .accept = accept, .max = max, .problems = problems };
        int r;

        r = listing_read(&listing, AT_FDCWD, root, "", NULL);
        if (r < 0) {
                strv_free(listing.found);
                return r;
        }
        if (listing.n_found > 0)
                qsort(listing.found, listing.n_found, sizeof(char *), path_compare);
        *ret = listing.found;
        return 0;
}
