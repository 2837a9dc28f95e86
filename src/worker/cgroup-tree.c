/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/cgroup-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ptest/protocol.h"

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"

#define CGROUP_FILE_MAX ((size_t)64 * 1024)

/* What tests can be limited in or measured by; what of it is delegated is found out. */
static const char *const wanted_controllers[] = { "memory", "pids", "cpu", "io" };

struct CgroupTree {
        int fd;
        char *directory;
        char *path;
        char **controllers; /* that cells have */
        uint64_t n_cells;   /* made so far */
};

/* Version 2 alone, or beside the old one. */
static const char *const mount_points[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

int cgroup_find_own(char **ret_directory, char **ret_path) {
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;
        const char *path = NULL;
        int r;

        r = file_read("/proc/self/cgroup", CGROUP_FILE_MAX, &text, NULL);
        if (r >= 0)
                r = strv_split(text, "\n", &lines);
        if (r < 0)
                return r;
        strv_for_each(line, lines)
                if (text_starts_with(*line, "0::/"))
                        path = *line + strlen("0::");

        for (size_t i = 0; path && i < ELEMENTSOF(mount_points); i++) {
                _cleanup_free_ char *directory = NULL, *copy = NULL;
                struct statfs fs;

                r = text_setf(&directory, "%s%s", mount_points[i], path);
                if (r < 0)
                        return r;
                if (statfs(directory, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
                        continue;
                copy = strdup(path);
                if (!copy)
                        return -ENOMEM;
                *ret_directory = TAKE_PTR(directory);
                *ret_path = TAKE_PTR(copy);
                return 0;
        }
        return -ENODATA;
}

/* A scope of the name that only a worker of this slot and generation has: what else we may be in is not ours. */
static bool path_is_own_scope(const char *path, unsigned slot, unsigned generation) {
        _cleanup_free_ char *end = NULL;

        return text_setf(&end, "-w%ug%u.scope", slot, generation) >= 0 &&
                        text_starts_with(path_basename(path), "ptest-") &&
                        text_ends_with(path, end);
}

static int file_write_at(int directory_fd, const char *name, const char *value) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fd_write_all(fd, value, strlen(value));
}

static int tree_move_self(CgroupTree *tree) {
        if (mkdirat(tree->fd, PTEST_CGROUP_LEAF, 0755) < 0 && errno != EEXIST)
                return -errno;
        return file_write_at(tree->fd, PTEST_CGROUP_LEAF "/cgroup.procs", "0");
}

/* One by one: a controller that refuses (cpu, where a process is of real time) keeps nobody from the others. */
static int tree_enable_controllers(CgroupTree *tree) {
        _cleanup_strv_ char **offered = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read_at(tree->fd, "cgroup.controllers", CGROUP_FILE_MAX, &text, NULL);
        if (r >= 0)
                r = strv_split(text, " \n", &offered);
        for (size_t i = 0; i < ELEMENTSOF(wanted_controllers) && r >= 0; i++) {
                const char *name = wanted_controllers[i];
                _cleanup_free_ char *word = NULL;

                if (!strv_contains(offered, name))
                        continue;
                r = text_setf(&word, "+%s", name);
                if (r < 0)
                        return r;
                r = file_write_at(tree->fd, "cgroup.subtree_control", word);
                if (r < 0) {
                        log_debug("Failed to let tests have the controller %s: %s",
                                  name,
                                  strerror(-r));
                        r = 0;
                        continue;
                }
                r = strv_extend(&tree->controllers, name);
        }
        return r;
}

static int tree_open(const char *directory, const char *path, CgroupTree **ret) {
        _cleanup_(cgroup_tree_freep) CgroupTree *tree = NULL;

        tree = malloc(sizeof(*tree));
        if (!tree)
                return -ENOMEM;
        *tree = (CgroupTree){ .fd = -1 };
        tree->directory = strdup(directory);
        tree->path = strdup(path);
        if (!tree->directory || !tree->path)
                return -ENOMEM;
        tree->fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (tree->fd < 0)
                return -errno;
        *ret = TAKE_PTR(tree);
        return 0;
}

int cgroup_tree_new_at(const char *directory, CgroupTree **ret) {
        _cleanup_(cgroup_tree_freep) CgroupTree *tree = NULL;
        int r;

        r = tree_open(directory, "/", &tree);
        if (r >= 0)
                r = tree_enable_controllers(tree);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tree);
        return 0;
}

int cgroup_tree_new(unsigned slot, unsigned generation, CgroupTree **ret) {
        _cleanup_(cgroup_tree_freep) CgroupTree *tree = NULL;
        _cleanup_free_ char *directory = NULL, *path = NULL;
        int r;

        r = cgroup_find_own(&directory, &path);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !path_is_own_scope(path, slot, generation)) {
                *ret = NULL;
                return 0;
        }
        r = tree_open(directory, path, &tree);
        if (r >= 0)
                r = tree_move_self(tree);
        if (r >= 0)
                r = tree_enable_controllers(tree);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tree);
        return 0;
}

CgroupTree *cgroup_tree_free(CgroupTree *tree) {
        if (!tree)
                return NULL;
        fd_close(tree->fd);
        free(tree->directory);
        free(tree->path);
        strv_free(tree->controllers);
        free(tree);
        return NULL;
}

bool cgroup_tree_has_controller(const CgroupTree *tree, const char *name) {
        return strv_contains(tree->controllers, name);
}

int cgroup_tree_add_cell(CgroupTree *tree, const TestLimits *limits, CgroupCell **ret) {
        char name[32];

        (void)snprintf(name, sizeof(name), "t%" PRIu64, ++tree->n_cells);
        return cell_new(tree->fd, name, limits, ret);
}

const char *cgroup_tree_get_directory(const CgroupTree *tree) {
        return tree->directory;
}

const char *cgroup_tree_get_path(const CgroupTree *tree) {
        return tree->path;
}

bool cgroup_tree_has_in_cell(const CgroupTree *tree, const CgroupCell *cell, pid_t pid) {
        _cleanup_free_ char *path = NULL, *wanted = NULL;
        size_t n;

        if (process_get_cgroup(pid, &path) < 0 ||
            text_setf(&wanted, "%s/%s", tree->path, cell_get_name(cell)) < 0)
                return false;
        n = strlen(wanted);
        return strncmp(path, wanted, n) == 0 && (path[n] == '\0' || path[n] == '/');
}
