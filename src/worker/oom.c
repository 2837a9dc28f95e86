/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"

#define CGROUP_ROOT     "/sys/fs/cgroup"
#define CGROUP_FILE_MAX ((size_t)64 * 1024)

/* Where this worker's memory is counted, with the file names of that version of cgroups. */
typedef struct CgroupFiles {
        const char *events, *max, *peak;
} CgroupFiles;

static const CgroupFiles files_unified = { "memory.events", "memory.max", "memory.peak" };
static const CgroupFiles files_legacy = {
        "memory.oom_control",
        "memory.limit_in_bytes",
        "memory.max_usage_in_bytes",
};

struct OomWatch {
        const CgroupFiles *files; /* NULL: nothing to watch */
        int directory_fd;
        int events_fd;
        uint64_t kills, limits; /* at the last look */
};

/* The number behind "key " at the beginning of a line; 0 if it is not there. */
static uint64_t counter_find(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                if (*line == '\n')
                        line++;
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return strtoull(line + n + 1, NULL, 10);
        }
        return 0;
}

static void oom_watch_read(OomWatch *watch, uint64_t *ret_kills, uint64_t *ret_limits) {
        char text[1024]; /* the kernel's files have at most seven short lines */
        ssize_t n;

        n = pread(watch->events_fd, text, sizeof(text) - 1, 0);
        if (n < 0) /* ENODEV: the cgroup was removed from under us; nothing more to be seen */
                n = 0;
        text[n] = 0;
        *ret_kills = counter_find(text, "oom_kill");
        *ret_limits = counter_find(text, "oom");
}

static uint64_t oom_watch_read_size(const OomWatch *watch, const char *name, uint64_t otherwise) {
        _cleanup_free_ char *text = NULL;
        uint64_t size;

        if (file_read_at(watch->directory_fd, name, CGROUP_FILE_MAX, &text, NULL) < 0)
                return otherwise;
        /* "max" in v2; v1 has the largest number of whole pages instead */
        if (parse_uint64(text_strip(text), &size) < 0 || size >= INT64_MAX / 2)
                return otherwise;
        return size;
}

static bool oom_watch_open(OomWatch *watch, const char *directory, const CgroupFiles *files) {
        _cleanup_close_ int directory_fd = -1, events_fd = -1;

        if (!directory)
                return false;
        directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory_fd < 0)
                return false;
        events_fd = openat(directory_fd, files->events, O_RDONLY | O_CLOEXEC);
        if (events_fd < 0)
                return false;
        watch->files = files;
        watch->directory_fd = TAKE_FD(directory_fd);
        watch->events_fd = TAKE_FD(events_fd);
        return true;
}

int oom_watch_new_at(const char *unified, const char *legacy, OomWatch **ret) {
        _cleanup_(oom_watch_freep) OomWatch *watch = NULL;

        watch = malloc(sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        *watch = (OomWatch){ .directory_fd = -1, .events_fd = -1 };

        if (oom_watch_open(watch, unified, &files_unified) ||
            oom_watch_open(watch, legacy, &files_legacy))
                oom_watch_read(watch, &watch->kills, &watch->limits);
        *ret = TAKE_PTR(watch);
        return 0;
}

/* One line of /proc/self/cgroup: "0::/path", "8:cpu,memory:/path" */
static int cgroup_line_read(const char *line, char **unified, char **legacy) {
        _cleanup_strv_ char **controllers = NULL;
        _cleanup_free_ char *names = NULL;
        const char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        int r;

        if (!second)
                return 0;
        if (second == first + 1)
                return text_setf(unified, CGROUP_ROOT "%s", second + 1);

        names = strndup(first + 1, (size_t)(second - first - 1));
        if (!names)
                return -ENOMEM;
        r = strv_split(names, ",", &controllers);
        if (r < 0)
                return r;
        return strv_contains(controllers, "memory") ?
                        text_setf(legacy, CGROUP_ROOT "/memory%s", second + 1) :
                        0;
}

int oom_watch_new(OomWatch **ret) {
        _cleanup_free_ char *text = NULL, *unified = NULL, *legacy = NULL;
        _cleanup_strv_ char **lines = NULL;
        int r;

        /* No /proc, no cgroups: a watch that sees nothing. */
        r = file_read("/proc/self/cgroup", CGROUP_FILE_MAX, &text, NULL);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                r = strv_split(text, "\n", &lines);
                if (r < 0)
                        return r;
        }
        strv_for_each(line, lines) {
                r = cgroup_line_read(*line, &unified, &legacy);
                if (r < 0)
                        return r;
        }
        return oom_watch_new_at(unified, legacy, ret);
}

OomWatch *oom_watch_free(OomWatch *watch) {
        if (!watch)
                return NULL;
        fd_close(watch->events_fd);
        fd_close(watch->directory_fd);
        free(watch);
        return NULL;
}

void oom_watch_look(OomWatch *watch, OomEvidence *ret) {
        uint64_t kills, limits;

        *ret = (OomEvidence){ .memory_max = SIZE_INFINITY, .memory_peak = SIZE_UNKNOWN };
        if (!watch->files)
                return;

        oom_watch_read(watch, &kills, &limits);
        if (kills > watch->kills) {
                ret->kill = true;
                ret->memory_max = oom_watch_read_size(watch, watch->files->max, SIZE_INFINITY);
                ret->memory_peak = oom_watch_read_size(watch, watch->files->peak, SIZE_UNKNOWN);
                /* v1 does not count how often a limit was reached: one that is set was it. */
                ret->own = watch->files == &files_unified ? limits > watch->limits :
                                                            ret->memory_max != SIZE_INFINITY;
        }
        watch->kills = kills;
        watch->limits = limits;
}
