/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/test.h"
#include "ptest/protocol.h"

/* What is told of what is left: so many entries, so deep; looked at are some more, to count them. */
#define FILES_NAMED_MAX 50U
#define FILES_SEEN_MAX  10000U
#define FILES_DEPTH_MAX 8U

#define TMP_NAME  "tmp"
#define HOME_NAME "home"

struct Private {
        char *base;
        char *path; /* NULL: removed, or kept */
        unsigned places;
};

static int place_make(const char *path, const char *name) {
        _cleanup_free_ char *place = NULL;
        int r = path_join(path, name, &place);

        if (r < 0)
                return r;
        return mkdir(place, 0700) < 0 ? -errno : 0;
}

int private_new(const char *base, unsigned places, Private **ret) {
        _cleanup_(private_freep) Private *private = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        private = calloc(1, sizeof(*private));
        if (!private)
                return -ENOMEM;
        private->places = places;
        private->base = strdup(base);
        if (!private->base || asprintf(&path, "%s/" PTEST_PLACES_NEW "/XXXXXX", base) < 0)
                return -ENOMEM;
        if (!mkdtemp(path))
                return -errno;
        private->path = TAKE_PTR(path);
        r = places & PRIVATE_TMP ? place_make(private->path, TMP_NAME) : 0;
        if (r >= 0 && places & PRIVATE_HOME)
                r = place_make(private->path, HOME_NAME);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(private);
        return 0;
}

static void private_remove(Private *private) {
        int r = private->path ? dir_remove(private->path) : 0;

        if (r < 0)
                log_warning("Failed to remove all of %s: %s", private->path, strerror(-r));
        free(TAKE_PTR(private->path));
}

Private *private_free(Private *private) {
        if (!private)
                return NULL;
        private_remove(private);
        free(private->base);
        free(private);
        return NULL;
}

static int variable_set(
                char ***environment, const char *name, const char *path, const char *place) {
        _cleanup_free_ char *value = NULL;
        EnvOp op = { .kind = ENV_OP_SET, .name = (char *)name };
        char **changed = NULL;
        int r;

        r = path_join(path, place, &value);
        if (r < 0)
                return r;
        op.value = value;
        r = env_apply(*environment, &op, 1, &changed);
        if (r < 0)
                return r;
        strv_free(*environment);
        *environment = changed;
        return 0;
}

int private_apply(const Private *private, char ***environment) {
        int r = 0;

        if (private->places & PRIVATE_TMP)
                r = variable_set(environment, "TMPDIR", private->path, TMP_NAME);
        if (r >= 0 && private->places & PRIVATE_HOME)
                r = variable_set(environment, "HOME", private->path, HOME_NAME);
        return r;
}

/* ---- What is left ---- */

typedef struct Listing {
        char **lines;
        size_t n_seen;
        dev_t device;
} Listing;

static int listing_add(Listing *listing, const char *name, const struct stat *st) {
        _cleanup_free_ char *safe = text_escape(name, strlen(name));
        char size[FORMAT_MAX];

        if (!safe)
                return -ENOMEM;
        if (S_ISDIR(st->st_mode))
                return strv_extendf(&listing->lines, "%s/", safe);
        if (S_ISREG(st->st_mode))
                return strv_extendf(
                                &listing->lines,
                                "%s (%s)",
                                safe,
                                format_size(size, (uint64_t)st->st_size));
        return strv_extendf(
                        &listing->lines,
                        "%s (%s)",
                        safe,
                        S_ISLNK(st->st_mode)                  ? "a link" :
                                        S_ISSOCK(st->st_mode) ? "a socket" :
                                        S_ISFIFO(st->st_mode) ? "a fifo" :
                                                                "a device");
}

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

static int listing_read(
                Listing *listing,
                int parent_fd,
                const char *entry_name,
                const char *name,
                unsigned depth);

static int listing_read_entry(
                Listing *listing,
                int dir_fd,
                const char *entry_name,
                const char *parent,
                unsigned depth) {
        _cleanup_free_ char *name = NULL;
        struct stat st;
        int r;

        if (fstatat(dir_fd, entry_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        r = path_join(parent, entry_name, &name);
        if (r < 0)
                return r;
        if (listing->n_seen++ < FILES_NAMED_MAX) {
                r = listing_add(listing, name, &st);
                if (r < 0)
                        return r;
        }
        /* What is mounted there was not left there. */
        if (!S_ISDIR(st.st_mode) || st.st_dev != listing->device || depth == FILES_DEPTH_MAX)
                return 0;
        return listing_read(listing, dir_fd, entry_name, name, depth + 1);
}

static int listing_read(
                Listing *listing,
                int parent_fd,
                const char *entry_name,
                const char *name,
                unsigned depth) {
        _cleanup_close_ int fd = openat(
                        parent_fd, entry_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        int r = 0;

        if (!dir)
                return 0;
        TAKE_FD(fd);
        while (r >= 0 && listing->n_seen < FILES_SEEN_MAX && (entry = readdir(dir)))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        r = listing_read_entry(listing, dirfd(dir), entry->d_name, name, depth);
        return r;
}

/* Names in each place, "tmp/x": what the test sees as $TMPDIR/x */
static int private_list(const Private *private, char ***ret) {
        static const char *const names[] = { TMP_NAME, HOME_NAME };
        _cleanup_close_ int fd = open(
                        private->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        Listing listing = {};
        struct stat st;
        int r = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return 0;
        listing.device = st.st_dev;
        for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++)
                r = listing_read(&listing, fd, names[i], names[i], 0);
        if (r >= 0 && listing.n_seen > FILES_NAMED_MAX)
                r = strv_extendf(
                                &listing.lines,
                                "and %zu more%s",
                                listing.n_seen - FILES_NAMED_MAX,
                                listing.n_seen >= FILES_SEEN_MAX ? " at least" : "");
        if (r < 0) {
                strv_free(listing.lines);
                return r;
        }
        *ret = listing.lines;
        return 0;
}

static int private_keep(Private *private, Result *result) {
        _cleanup_free_ char *kept = NULL;

        if (asprintf(&kept,
                     "%s/" PTEST_PLACES_KEPT "/%s",
                     private->base,
                     path_basename(private->path)) < 0)
                return -ENOMEM;
        if (rename(private->path, kept) < 0) {
                log_warning("Failed to keep %s: %m", private->path);
                return 0;
        }
        free(TAKE_PTR(private->path));
        result->directory = TAKE_PTR(kept);
        return 0;
}

int private_end(Private *private, bool keep, Result *result) {
        int r;

        if (outcome_is_bad(result->outcome)) {
                r = private_list(private, &result->files);
                if (r >= 0 && keep)
                        r = private_keep(private, result);
                if (r < 0)
                        return r;
        }
        private_remove(private);
        return 0;
}
