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
#include "worker/oom-log.h"

#define CGROUP_ROOT     "/sys/fs/cgroup"
#define CGROUP_FILE_MAX ((size_t)64 * 1024)

/* Slices in slices; what is above more of them is taken for the machine. */
#define OOM_LEVELS_MAX 16U

/* One cgroup of version 2, from the worker's upwards. */
typedef struct OomLevel {
        char *name;
        int directory_fd;
        int events_fd; /* memory.events.local; before Linux 5.3 memory.events, which counts what is below as well */
        uint64_t limits; /* how often its limit could not be kept, at the last look */
} OomLevel;

struct OomWatch {
        OomLevel levels[OOM_LEVELS_MAX];
        size_t n_levels; /* 0: not version 2 */
        int kills_fd; /* memory.events of the worker's, or memory.oom_control; -1: nothing to watch */
        int legacy_fd;  /* directory of version 1; -1: not that */
        uint64_t kills; /* at the last look */
        int log_fd;
};

/* ENODEV, as when the cgroup was removed from under us, is as if nothing had happened. */
static uint64_t events_read(int fd, const char *key) {
        char text[1024]; /* the kernel's files have at most seven short lines */
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                n = 0;
        text[n] = 0;
        return cgroup_text_get_counter(text, key);
}

static uint64_t size_read(int directory_fd, const char *name, uint64_t otherwise) {
        _cleanup_free_ char *text = NULL;
        uint64_t size;

        if (file_read_at(directory_fd, name, CGROUP_FILE_MAX, &text, NULL) < 0)
                return otherwise;
        /* "max" in v2; v1 has the largest number of whole pages instead */
        if (parse_uint64(text_strip(text), &size) < 0 || size >= INT64_MAX / 2)
                return otherwise;
        return size;
}

/* ---- What is watched ---- */

static void level_done(OomLevel *level) {
        free(level->name);
        fd_close(level->events_fd);
        fd_close(level->directory_fd);
}

/* False: it is the root, or no such cgroup at all. */
static bool level_open(OomLevel *level, const char *directory) {
        *level = (OomLevel){ .directory_fd = -1, .events_fd = -1 };
        level->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (level->directory_fd < 0)
                return false;
        level->events_fd = openat(level->directory_fd, "memory.events.local", O_RDONLY | O_CLOEXEC);
        if (level->events_fd < 0)
                level->events_fd = openat(
                                level->directory_fd, "memory.events", O_RDONLY | O_CLOEXEC);
        level->name = strdup(path_basename(directory));
        if (level->events_fd < 0 || !level->name) {
                level_done(level);
                return false;
        }
        return true;
}

static int watch_open_unified(OomWatch *watch, const char *unified) {
        _cleanup_free_ char *path = strdup(unified);

        if (!path)
                return -ENOMEM;
        while (watch->n_levels < OOM_LEVELS_MAX &&
               level_open(&watch->levels[watch->n_levels], path)) {
                char *slash = strrchr(path, '/');

                watch->n_levels++;
                if (!slash || slash == path)
                        break;
                *slash = 0;
        }
        if (watch->n_levels > 0)
                watch->kills_fd = openat(
                                watch->levels[0].directory_fd,
                                "memory.events",
                                O_RDONLY | O_CLOEXEC);
        return 0;
}

static void watch_open_legacy(OomWatch *watch, const char *legacy) {
        watch->legacy_fd = open(legacy, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (watch->legacy_fd >= 0)
                watch->kills_fd = openat(
                                watch->legacy_fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
}

int oom_watch_new_at(const char *unified, const char *legacy, OomWatch **ret) {
        _cleanup_(oom_watch_freep) OomWatch *watch = NULL;
        int r;

        watch = malloc(sizeof(*watch));
        if (!watch)
                return -ENOMEM;
        *watch = (OomWatch){ .kills_fd = -1, .legacy_fd = -1, .log_fd = -1 };

        if (unified) {
                r = watch_open_unified(watch, unified);
                if (r < 0)
                        return r;
        }
        if (watch->n_levels == 0 && legacy)
                watch_open_legacy(watch, legacy);
        oom_watch_begin(watch);
        *ret = TAKE_PTR(watch);
        return 0;
}

void oom_watch_set_log(OomWatch *watch, int fd) {
        fd_close(watch->log_fd);
        watch->log_fd = fd;
}

void oom_watch_begin(OomWatch *watch) {
        for (size_t i = 0; i < watch->n_levels; i++)
                watch->levels[i].limits = events_read(watch->levels[i].events_fd, "oom");
        if (watch->kills_fd >= 0)
                watch->kills = events_read(watch->kills_fd, "oom_kill");
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
        for (size_t i = 0; i < watch->n_levels; i++)
                level_done(&watch->levels[i]);
        fd_close(watch->kills_fd);
        fd_close(watch->legacy_fd);
        fd_close(watch->log_fd);
        free(watch);
        return NULL;
}

/* ---- Looking ---- */

static void evidence_take_level(OomEvidence *evidence, const OomLevel *level, bool is_worker) {
        evidence->owner = is_worker ? OOM_OWNER_WORKER : OOM_OWNER_SLICE;
        evidence->unit = is_worker ? NULL : level->name;
        evidence->memory_max = size_read(level->directory_fd, "memory.max", SIZE_INFINITY);
        evidence->memory_peak = size_read(level->directory_fd, "memory.peak", SIZE_UNKNOWN);
}

/* The first one from below: where what is below is counted as well, it is the one where it began. */
static void watch_find_owner(const OomWatch *watch, OomEvidence *evidence) {
        evidence->owner = OOM_OWNER_MACHINE;
        for (size_t i = 0; i < watch->n_levels; i++)
                if (events_read(watch->levels[i].events_fd, "oom") > watch->levels[i].limits) {
                        evidence_take_level(evidence, &watch->levels[i], i == 0);
                        return;
                }
}

/* Version 1 does not count how often a limit was reached: one that is set was it. */
static void watch_find_legacy_owner(const OomWatch *watch, OomEvidence *evidence) {
        evidence->memory_max = size_read(watch->legacy_fd, "memory.limit_in_bytes", SIZE_INFINITY);
        evidence->memory_peak = size_read(
                        watch->legacy_fd, "memory.max_usage_in_bytes", SIZE_UNKNOWN);
        if (evidence->memory_max != SIZE_INFINITY)
                evidence->owner = OOM_OWNER_WORKER;
}

/* Files that earlier tests left in a tmpfs are the worker's: they make its limit smaller than it looks. */
static uint64_t watch_read_beside(const OomWatch *watch, const CgroupCell *cell) {
        uint64_t all = size_read(watch->levels[0].directory_fd, "memory.current", 0);
        uint64_t own = size_read(cell_get_fd(cell), "memory.current", all);

        return all > own ? all - own : 0;
}

static void watch_find_victim(
                const OomWatch *watch, const CgroupCell *cell, OomEvidence *evidence) {
        _cleanup_free_ char *cgroup = NULL;

        if (watch->log_fd < 0 || watch->n_levels == 0 ||
            text_setf(&cgroup,
                      "/%s%s%s",
                      watch->levels[0].name,
                      cell ? "/" : "",
                      cell ? cell_get_name(cell) : "") < 0)
                return;
        if (!oom_log_find_victim(
                            watch->log_fd,
                            cgroup,
                            &evidence->victim,
                            evidence->victim_name,
                            sizeof(evidence->victim_name)))
                evidence->victim = 0;
}

void oom_watch_look(OomWatch *watch, OomEvidence *ret) {
        *ret = (OomEvidence){ .memory_max = SIZE_INFINITY, .memory_peak = SIZE_UNKNOWN };
        if (watch->kills_fd < 0)
                return;

        if (events_read(watch->kills_fd, "oom_kill") > watch->kills) {
                ret->kill = true;
                if (watch->legacy_fd >= 0)
                        watch_find_legacy_owner(watch, ret);
                else
                        watch_find_owner(watch, ret);
                watch_find_victim(watch, NULL, ret);
        }
        oom_watch_begin(watch);
}

void oom_watch_look_in(
                OomWatch *watch, const CgroupCell *cell, CellEvents *seen, OomEvidence *ret) {
        CellEvents now;

        *ret = (OomEvidence){ .memory_max = SIZE_INFINITY, .memory_peak = SIZE_UNKNOWN };
        cell_read_events(cell, &now);
        if (now.oom_kill > seen->oom_kill) {
                ret->kill = ret->in_cell = true;
                if (now.oom > seen->oom) {
                        CellUsage usage;

                        cell_read_usage(cell, &usage);
                        ret->owner = OOM_OWNER_TEST;
                        ret->memory_max = cell_read_memory_max(cell);
                        ret->memory_peak = usage.memory_peak;
                } else
                        watch_find_owner(watch, ret);
                if (ret->owner == OOM_OWNER_WORKER)
                        ret->memory_beside = watch_read_beside(watch, cell);
                watch_find_victim(watch, cell, ret);
        }
        *seen = now;
        oom_watch_begin(watch);
}

int oom_evidence_tell(const OomEvidence *evidence, Result *result) {
        if (!evidence->kill || result->outcome != PTEST_OUTCOME_OOM)
                return 0;
        result->oom_owner = evidence->owner;
        result->oom_limit = evidence->memory_max;
        if (evidence->victim <= 0)
                return 0;
        return text_setf(
                        &result->oom_victim, "%d %s", (int)evidence->victim, evidence->victim_name);
}
