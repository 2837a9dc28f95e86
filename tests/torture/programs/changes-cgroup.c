/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves itself to every cgroup that it can get into, the highest first, or to a new one beside its own; leaves a daemon there and
 * exits with 0. Only in the hierarchy of version 2, whose directories are named by $TORTURE_MARK so that they can be removed. */

#include <mntent.h>
#include <sys/stat.h>

#include "torture.h"

static char *own_cgroup(void) {
        FILE *file = fopen("/proc/self/cgroup", "re");
        char *line = NULL;
        size_t size = 0;

        while (file != NULL && getline(&line, &size, file) >= 0) {
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        fclose(file);
                        return line + 3;
                }
        }
        return NULL;
}

static char *cgroup_mount(void) {
        FILE *file = setmntent("/proc/self/mounts", "re");
        struct mntent *entry;

        while (file != NULL && (entry = getmntent(file)) != NULL) {
                if (strcmp(entry->mnt_type, "cgroup2") == 0) {
                        return strdup(entry->mnt_dir);
                }
        }
        return NULL;
}

static int move_to(const char *directory) {
        char *path = NULL;
        int fd, r;

        if (asprintf(&path, "%s/cgroup.procs", directory) < 0) {
                return -ENOMEM;
        }
        fd = open(path, O_WRONLY | O_CLOEXEC);
        r = fd >= 0 && write(fd, "0", 1) == 1 ? 0 : -errno;
        if (fd >= 0) {
                close(fd);
        }
        printf("%s: %s\n", directory, r < 0 ? strerror(-r) : "moved there");
        free(path);
        return r;
}

/* Below that directory, then into itself. */
static int escape_to(const char *directory) {
        const char *mark = getenv("TORTURE_MARK");
        char *below = NULL;
        int r;

        if (asprintf(&below, "%s/torture-%.8s", directory, mark != NULL ? mark : "") < 0) {
                return -ENOMEM;
        }
        r = mkdir(below, 0755) == 0 ? move_to(below) : -errno;
        if (r < 0) {
                rmdir(below);
                r = move_to(directory);
        }
        free(below);
        return r;
}

static void escape(const char *mount, const char *own) {
        char *path = NULL;

        if (escape_to(mount) == 0 || asprintf(&path, "%s%s", mount, own) < 0) {
                return;
        }
        /* From the top of what is ours downwards: the first in which something can be done is the best. */
        for (char *slash = path + strlen(mount) + 1; (slash = strchr(slash, '/')) != NULL;
             slash++) {
                *slash = '\0';
                if (escape_to(path) == 0) {
                        return;
                }
                *slash = '/';
        }
        escape_to(path);
}

int main(void) {
        const char *own = own_cgroup();
        const char *mount = cgroup_mount();

        torture_begin();
        if (own == NULL || mount == NULL) {
                puts("no cgroups of version 2");
        } else {
                escape(mount, own);
        }
        if (torture_fork_session() == 0) {
                torture_close_all();
                torture_wait_forever();
        }
        return 0;
}
