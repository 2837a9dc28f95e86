/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/places.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/text.h"
#include "ptest/protocol.h"

/* A link in the run's directory. */
#define PLACES_LINK "places"

struct Places {
        char *path;
        char *link;
};

/* What was kept stays, and so does what it is in. */
static void places_remove(const char *path) {
        _cleanup_free_ char *new = NULL, *kept = NULL;
        int r;

        if (path_join(path, PTEST_PLACES_NEW, &new) < 0 ||
            path_join(path, PTEST_PLACES_KEPT, &kept) < 0)
                return;
        r = dir_remove(new);
        if (r < 0)
                log_warning("Failed to remove all of %s: %s", new, strerror(-r));
        (void)rmdir(kept);
        (void)rmdir(path);
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

        r = text_setf(&places->path, "%s/ptest-XXXXXX", places_find_parent());
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
        r = places_make(places->path, PTEST_PLACES_NEW, uid, gid);
        return r < 0 ? r : places_make(places->path, PTEST_PLACES_KEPT, uid, gid);
}

int places_new(const char *directory, uid_t uid, gid_t gid, Places **ret) {
        _cleanup_(places_freep) Places *places = calloc(1, sizeof(*places));
        int r;

        if (!places)
                return -ENOMEM;
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
