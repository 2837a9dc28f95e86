/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Everything here reads or writes a few bytes of cgroupfs and never waits. A cgroup that was removed
 * meanwhile is an empty one: the manager removes it as soon as the last process has left.
 */

#include "backend/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"

#define CGROUP_FILE_MAX    (1024U * 1024U)
#define CGROUP_DEPTH_MAX   16U
/* One by one kills race with forks; each round leaves fewer that can fork. */
#define CGROUP_KILL_ROUNDS 8U

/* ---- Layout ---- */

static int layout_set(char **field, const char *mount_point) {
        /* Of several mounts the first is the usual one. */
        if (*field)
                return 0;

        *field = strdup(mount_point);
        return *field ? 0 : -ENOMEM;
}

/* One line of mountinfo: ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS… - TYPE SOURCE SUPER-OPTIONS */
static int layout_read_line(CgroupLayout *layout, const char *line) {
        _cleanup_strv_ char **words = NULL, **options = NULL;
        size_t dash = 6;

        int r = strv_split(line, " ", &words);
        if (r < 0)
                return r;

        size_t n = strv_length(words);
        while (dash < n && strcmp(words[dash], "-") != 0)
                dash++;

        /* A mount of a part of the hierarchy does not fit the paths of /proc/PID/cgroup. */
        if (dash + 3 >= n || strcmp(words[3], "/") != 0)
                return 0;

        if (strcmp(words[dash + 1], "cgroup2") == 0)
                return layout_set(&layout->unified, words[4]);
        if (strcmp(words[dash + 1], "cgroup") != 0)
                return 0;

        r = strv_split(words[dash + 3], ",", &options);
        if (r < 0)
                return r;

        if (strv_contains(options, "name=systemd"))
                return layout_set(&layout->named, words[4]);
        if (strv_contains(options, "memory"))
                return layout_set(&layout->memory_v1, words[4]);
        if (strv_contains(options, "pids"))
                return layout_set(&layout->pids_v1, words[4]);

        return 0;
}

int cgroup_layout_read(CgroupLayout *ret) {
        _cleanup_(cgroup_layout_done) CgroupLayout layout = {};
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *text = NULL;

        int r = file_read("/proc/self/mountinfo", 4 * CGROUP_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;

        r = strv_split(text, "\n", &lines);
        if (r < 0)
                return r;

        strv_for_each(line, lines) {
                r = layout_read_line(&layout, *line);
                if (r < 0)
                        return r;
        }

        *ret = layout;
        layout = (CgroupLayout){};
        return 0;
}

void cgroup_layout_done(CgroupLayout *layout) {
        free(layout->unified);
        free(layout->named);
        free(layout->memory_v1);
        free(layout->pids_v1);
        *layout = (CgroupLayout){};
}

/* ---- Paths ---- */

static int directory_join(const char *mount_point, const char *path, char **ret) {
        return asprintf(ret, "%s%s", mount_point, path) < 0 ? -ENOMEM : 0;
}

int cgroup_init(Cgroup *cgroup, const CgroupLayout *layout, const char *path) {
        const char *tree = layout->unified ? layout->unified : layout->named;
        const char *memory = layout->memory_v1 ? layout->memory_v1 : layout->unified;

        *cgroup = (Cgroup){ .v2 = !layout->memory_v1 };

        if (tree && directory_join(tree, path, &cgroup->tree) < 0)
                return -ENOMEM;
        if (memory && directory_join(memory, path, &cgroup->memory) < 0)
                return -ENOMEM;

        /* On a hybrid machine whose manager keeps to v1 the unified hierarchy has no such cgroup. */
        if (cgroup->tree && layout->named && access(cgroup->tree, F_OK) < 0) {
                free(TAKE_PTR(cgroup->tree));
                return directory_join(layout->named, path, &cgroup->tree);
        }

        return 0;
}

void cgroup_done(Cgroup *cgroup) {
        free(TAKE_PTR(cgroup->tree));
        free(TAKE_PTR(cgroup->memory));
}

int cgroup_find_process(pid_t pid, const CgroupLayout *layout, char **ret) {
        _cleanup_free_ char *file = NULL, *text = NULL;
        _cleanup_strv_ char **lines = NULL;
        const char *unified = NULL, *named = NULL;

        if (asprintf(&file, "/proc/%d/cgroup", (int)pid) < 0)
                return -ENOMEM;

        int r = file_read(file, CGROUP_FILE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;

        r = strv_split(text, "\n", &lines);
        if (r < 0)
                return r;

        strv_for_each(line, lines) {
                const char *v1 = strstr(*line, ":name=systemd:");

                if (text_starts_with(*line, "0::"))
                        unified = *line + strlen("0::");
                else if (v1)
                        named = v1 + strlen(":name=systemd:");
        }

        /* Where both are, the manager's own is the one with a name: it uses the other one only in step with it. */
        const char *path = layout->named && named ? named : unified;
        if (!path)
                return -ENODATA;

        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

/* ---- Who is inside ---- */

static int cgroup_read_file(const char *directory, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL;

        if (!directory)
                return -ENODATA;

        int r = path_join(directory, name, &path);
        if (r < 0)
                return r;

        return file_read(path, CGROUP_FILE_MAX, ret, NULL);
}

/* The value of a line "key value" */
static int cgroup_read_key(
                const char *directory, const char *name, const char *key, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **words = NULL;

        int r = cgroup_read_file(directory, name, &text);
        if (r < 0)
                return r;

        r = strv_split(text, " \n", &words);
        if (r < 0)
                return r;

        for (size_t i = 0; words && words[i] && words[i + 1]; i += 2)
                if (strcmp(words[i], key) == 0)
                        return parse_uint64(words[i + 1], ret);

        return -ENODATA;
}

typedef struct Walk {
        int signo; /* 0: only count */
        size_t n_found;
} Walk;

static void walk_processes(const char *directory, Walk *walk) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ char **pids = NULL;

        if (cgroup_read_file(directory, "cgroup.procs", &text) < 0 ||
            strv_split(text, "\n", &pids) < 0)
                return;

        strv_for_each(s, pids) {
                int pid = 0;

                if (parse_int(*s, &pid) < 0 || pid <= 1)
                        continue;

                walk->n_found++;
                if (walk->signo > 0)
                        (void)kill(pid, walk->signo);
        }
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static void walk_tree(const char *directory, Walk *walk, unsigned depth) {
        _cleanup_(closedirp) DIR *d = opendir(directory);

        if (!d || depth == 0)
                return;

        walk_processes(directory, walk);

        for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
                _cleanup_free_ char *below = NULL;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;

                if (path_join(directory, entry->d_name, &below) >= 0)
                        walk_tree(below, walk, depth - 1);
        }
}

bool cgroup_is_empty(const Cgroup *cgroup) {
        uint64_t populated = 0;

        if (!cgroup->tree)
                return true;

        int r = cgroup_read_key(cgroup->tree, "cgroup.events", "populated", &populated);
        if (r >= 0)
                return populated == 0;
        if (r == -ENODEV || access(cgroup->tree, F_OK) < 0)
                return true;

        Walk walk = {};
        walk_tree(cgroup->tree, &walk, CGROUP_DEPTH_MAX);
        return walk.n_found == 0;
}

bool cgroup_is_frozen(const Cgroup *cgroup) {
        uint64_t frozen = 0;

        return cgroup_read_key(cgroup->tree, "cgroup.events", "frozen", &frozen) >= 0 &&
                        frozen != 0;
}

void cgroup_signal(const Cgroup *cgroup, int signo) {
        Walk walk = { .signo = signo };

        if (cgroup->tree)
                walk_tree(cgroup->tree, &walk, CGROUP_DEPTH_MAX);
}

void cgroup_kill(const Cgroup *cgroup) {
        _cleanup_free_ char *path = NULL;

        if (!cgroup->tree || path_join(cgroup->tree, "cgroup.kill", &path) < 0)
                return;

        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && fd_write_all(fd, "1", 1) >= 0)
                return;

        for (unsigned i = 0; i < CGROUP_KILL_ROUNDS && !cgroup_is_empty(cgroup); i++)
                cgroup_signal(cgroup, SIGKILL);
}

/* ---- Memory ---- */

int cgroup_read_memory_peak(const Cgroup *cgroup, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;

        int r = cgroup_read_file(
                        cgroup->memory,
                        cgroup->v2 ? "memory.peak" : "memory.max_usage_in_bytes",
                        &text);
        if (r < 0)
                return r;

        return parse_uint64(text_strip(text), ret);
}

int cgroup_read_oom_kills(const Cgroup *cgroup, uint64_t *ret) {
        return cgroup_read_key(
                        cgroup->memory,
                        cgroup->v2 ? "memory.events" : "memory.oom_control",
                        "oom_kill",
                        ret);
}
