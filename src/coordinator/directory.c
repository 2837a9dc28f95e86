/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/directory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"

/* "/r-" and 16 digits, "/w1000g1000000": what comes after the base in the longest path. */
#define DIRECTORY_BASE_MAX (107U - 18U - 16U)

/* Below the base it must be possible for the worker's user to reach its directory. */
static int run_directory_make_below(
                const char *base, sd_id128_t run_id, uid_t uid, gid_t gid, char **ret) {
        _cleanup_free_ char *path = NULL;
        char id[SD_ID128_STRING_MAX];
        int r;

        if (strlen(base) > DIRECTORY_BASE_MAX)
                return -ENAMETOOLONG;
        r = dir_make(base, 0755);
        if (r < 0)
                return r;
        r = text_setf(&path, "%s/r-%.12s", base, sd_id128_to_string(run_id, id));
        if (r < 0)
                return r;
        if (mkdir(path, 0700) < 0)
                return -errno;
        if (uid != geteuid() && chown(path, uid, gid) < 0) {
                r = -errno;
                (void)rmdir(path);
                return r;
        }
        *ret = TAKE_PTR(path);
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

int run_directory_make(sd_id128_t run_id, uid_t uid, gid_t gid, char **ret) {
        char *bases[4] = {};
        int r, error = -ENOENT;

        r = run_directory_list_bases(bases);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(bases) && bases[i] && error < 0; i++)
                error = run_directory_base_is_safe(bases[i]) ?
                                run_directory_make_below(bases[i], run_id, uid, gid, ret) :
                                -EPERM;
        for (size_t i = 0; i < ELEMENTSOF(bases); i++)
                free(bases[i]);
        return r < 0 ? r : error;
}

char *run_directory_remove(char *path) {
        char *slash;

        if (!path)
                return NULL;
        (void)dir_remove(path);
        /* The base too, if this was the last run there; systemd's own is busy or its business. */
        slash = strrchr(path, '/');
        *slash = 0;
        if (text_starts_with(path, "/tmp/"))
                (void)rmdir(path);
        free(path);
        return NULL;
}
