/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/cgroup-cell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/parse.h"
#include "basic/text.h"

/* Of cgroup.procs, the largest of them: 32768 pids with 7 digits. */
#define CGROUP_FILE_MAX ((size_t)1024 * 1024)

/* A test may make cgroups in its own; deeper than that is not looked. */
#define CELL_DEPTH_MAX 8

/* What cpu.max counts in; the kernel takes no quota below the second number. */
#define CPU_PERIOD_USEC    (100 * USEC_PER_MSEC)
#define CPU_PERIOD_LARGEST USEC_PER_SEC
#define CPU_QUOTA_SMALLEST USEC_PER_MSEC

struct CgroupCell {
        int parent_fd; /* weak: the tree's */
        int fd;
        int events_fd;
        char *name;
};

/* ---- Files ---- */

static int cell_write(const CgroupCell *cell, const char *name, const char *value) {
        _cleanup_close_ int fd = openat(cell->fd, name, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        return fd_write_all(fd, value, strlen(value));
}

static int cell_write_number(const CgroupCell *cell, const char *name, uint64_t value) {
        char text[32];

        if (value == UINT64_MAX)
                return cell_write(cell, name, "max");
        (void)snprintf(text, sizeof(text), "%" PRIu64, value);
        return cell_write(cell, name, text);
}

static bool cell_has(const CgroupCell *cell, const char *name) {
        return faccessat(cell->fd, name, F_OK, 0) >= 0;
}

/* SIZE_UNKNOWN, which is UINT64_MAX: not there, or no number */
static uint64_t cell_read_number(const CgroupCell *cell, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;

        if (file_read_at(cell->fd, name, CGROUP_FILE_MAX, &text, NULL) < 0 ||
            parse_uint64(text_strip(text), &value) < 0)
                return UINT64_MAX;
        return value;
}

uint64_t cgroup_text_get_counter(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                if (*line == '\n')
                        line++;
                if (strncmp(line, key, n) == 0 && line[n] == ' ')
                        return strtoull(line + n + 1, NULL, 10);
        }
        return 0;
}

/* ---- Limits ---- */

static int cell_set_memory(CgroupCell *cell, const TestLimits *limits) {
        int r;

        if (!cell_has(cell, "memory.max"))
                return 0;
        r = cell_write_number(cell, "memory.max", limits->memory_max);
        if (r >= 0)
                r = cell_write_number(cell, "memory.high", limits->memory_high);
        /* What a test over its limit has in swap is beyond it. No swap in the kernel: no such file */
        if (r >= 0 && cell_has(cell, "memory.swap.max"))
                r = cell_write_number(
                                cell,
                                "memory.swap.max",
                                limits->memory_max == SIZE_INFINITY ? SIZE_INFINITY : 0);
        return r;
}

int cell_set_whole(CgroupCell *cell, bool whole) {
        return cell_has(cell, "memory.oom.group") ?
                        cell_write(cell, "memory.oom.group", whole ? "1" : "0") :
                        0;
}

static int cell_set_cpu(CgroupCell *cell, const TestLimits *limits) {
        uint64_t period = CPU_PERIOD_USEC, quota;
        char text[64];

        if (!cell_has(cell, "cpu.max"))
                return 0;
        if (limits->cpu_quota_usec == USEC_INFINITY)
                return cell_write(cell, "cpu.max", "max");

        if (limits->cpu_quota_usec < CPU_QUOTA_SMALLEST * (USEC_PER_SEC / period))
                period = CPU_PERIOD_LARGEST;
        quota = MAX(limits->cpu_quota_usec / (USEC_PER_SEC / period), CPU_QUOTA_SMALLEST);
        (void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64, quota, period);
        return cell_write(cell, "cpu.max", text);
}

int cell_set_limits(CgroupCell *cell, const TestLimits *limits) {
        int r;

        r = cell_set_memory(cell, limits);
        if (r >= 0 && cell_has(cell, "pids.max"))
                r = cell_write_number(cell, "pids.max", limits->tasks_max);
        return r < 0 ? r : cell_set_cpu(cell, limits);
}

/* A new one has none: only what differs from that is written. */
static int cell_begin_limits(CgroupCell *cell, const TestLimits *limits) {
        int r = 0;

        if (limits->memory_max != SIZE_INFINITY || limits->memory_high != SIZE_INFINITY)
                r = cell_set_memory(cell, limits);
        /* Half of a test is none: it dies whole, whoever's limit it is. */
        if (r >= 0)
                r = cell_set_whole(cell, true);
        if (r >= 0 && limits->tasks_max != UINT64_MAX && cell_has(cell, "pids.max"))
                r = cell_write_number(cell, "pids.max", limits->tasks_max);
        if (r >= 0 && limits->cpu_quota_usec != USEC_INFINITY)
                r = cell_set_cpu(cell, limits);
        return r;
}

/* ---- ---- */

int cell_new(int directory_fd, const char *name, const TestLimits *limits, CgroupCell **ret) {
        _cleanup_(cell_freep) CgroupCell *cell = NULL;
        int r;

        cell = malloc(sizeof(*cell));
        if (!cell)
                return -ENOMEM;
        *cell = (CgroupCell){ .parent_fd = directory_fd, .fd = -1, .events_fd = -1 };

        if (mkdirat(directory_fd, name, 0755) < 0)
                return -errno;
        cell->name = strdup(name);
        if (!cell->name) {
                (void)unlinkat(directory_fd, name, AT_REMOVEDIR);
                return -ENOMEM;
        }
        cell->fd = openat(directory_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (cell->fd < 0)
                return -errno;
        r = cell_begin_limits(cell, limits);
        if (r < 0)
                return r;
        cell->events_fd = openat(cell->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

        *ret = TAKE_PTR(cell);
        return 0;
}

/* Those that a test made in its own, which has nobody inside any more. */
static void remove_below(int fd, unsigned depth) {
        DIR *d;
        int copy = depth > 0 ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                fd_close(copy);
                return;
        }
        for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
                _cleanup_close_ int below = -1;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                below = openat(fd, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (below >= 0)
                        remove_below(below, depth - 1);
                (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        }
        closedir(d);
}

CgroupCell *cell_free(CgroupCell *cell) {
        if (!cell)
                return NULL;
        if (cell->name && unlinkat(cell->parent_fd, cell->name, AT_REMOVEDIR) < 0 &&
            errno == EBUSY && cell->fd >= 0) {
                remove_below(cell->fd, CELL_DEPTH_MAX);
                (void)unlinkat(cell->parent_fd, cell->name, AT_REMOVEDIR);
        }
        fd_close(cell->events_fd);
        fd_close(cell->fd);
        free(cell->name);
        free(cell);
        return NULL;
}

const char *cell_get_name(const CgroupCell *cell) {
        return cell->name;
}

int cell_get_fd(const CgroupCell *cell) {
        return cell->fd;
}

int cell_get_events_fd(const CgroupCell *cell) {
        return cell->events_fd;
}

/* ---- Who is inside ---- */

/* From the file that is open: the cheapest of all questions is asked once a test at least. */
bool cell_is_empty(const CgroupCell *cell) {
        char text[256]; /* two short lines */
        ssize_t n;

        n = cell->events_fd < 0 ? -1 : pread(cell->events_fd, text, sizeof(text) - 1, 0);
        if (n < 0)
                return true; /* it is gone */
        text[n] = 0;
        return cgroup_text_get_counter(text, "populated") == 0;
}

typedef struct PidList {
        pid_t *pids;
        size_t n, n_allocated, max;
} PidList;

static int pid_list_add(PidList *list, pid_t pid) {
        if (array_reserve(list->pids, list->n_allocated, list->n + 1) < 0)
                return -ENOMEM;
        list->pids[list->n++] = pid;
        return 0;
}

static int pid_list_add_file(PidList *list, int fd) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = file_read_at(fd, "cgroup.procs", CGROUP_FILE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char *line = text, *end; *line && list->n < list->max; line = end) {
                uint64_t pid = strtoull(line, &end, 10);

                if (end == line)
                        break;
                end += *end == '\n';
                /* 0 is one that this PID namespace does not have. */
                r = pid > 1 ? pid_list_add(list, (pid_t)pid) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int pid_list_add_tree(PidList *list, int fd, unsigned depth) {
        int copy, r;
        DIR *d;

        r = pid_list_add_file(list, fd);
        if (r < 0 || depth == 0)
                return r;
        copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                fd_close(copy);
                return 0;
        }
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d)) {
                _cleanup_close_ int below = -1;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                below = openat(fd, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (below >= 0)
                        r = pid_list_add_tree(list, below, depth - 1);
        }
        closedir(d);
        return r;
}

int cell_list(const CgroupCell *cell, size_t max, pid_t **ret_pids, size_t *ret_count) {
        PidList list = { .max = max };
        int r;

        r = pid_list_add_tree(&list, cell->fd, CELL_DEPTH_MAX);
        if (r < 0) {
                free(list.pids);
                return r;
        }
        *ret_pids = list.pids;
        *ret_count = list.n;
        return 0;
}

void cell_kill(CgroupCell *cell) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t count = 0;

        /* Linux 5.14 */
        if (cell_write(cell, "cgroup.kill", "1") >= 0)
                return;
        if (cell_list(cell, SIZE_MAX, &pids, &count) < 0)
                return;
        for (size_t i = 0; i < count; i++)
                (void)kill(pids[i], SIGKILL);
}

/* ---- What it used ---- */

/* The sum of "key=value" over all devices; "8:0 rbytes=1 wbytes=2 …" */
static uint64_t io_text_sum(const char *text, const char *key) {
        size_t n = strlen(key);
        uint64_t sum = 0;

        for (const char *at = strstr(text, key); at; at = strstr(at + n, key))
                if (at > text && at[-1] == ' ' && at[n] == '=')
                        sum += strtoull(at + n + 1, NULL, 10);
        return sum;
}

static void cell_read_io(const CgroupCell *cell, CellUsage *usage) {
        _cleanup_free_ char *text = NULL;

        usage->read_bytes = usage->write_bytes = SIZE_UNKNOWN;
        if (file_read_at(cell->fd, "io.stat", CGROUP_FILE_MAX, &text, NULL) < 0)
                return;
        usage->read_bytes = io_text_sum(text, "rbytes");
        usage->write_bytes = io_text_sum(text, "wbytes");
}

void cell_read_usage(const CgroupCell *cell, CellUsage *ret) {
        _cleanup_free_ char *cpu = NULL;

        *ret = (CellUsage){
                .memory_peak = cell_read_number(cell, "memory.peak"), /* Linux 5.19 */
                .tasks_peak = cell_read_number(cell, "pids.peak"), /* Linux 6.11, and backports */
        };
        cell_read_io(cell, ret);
        if (file_read_at(cell->fd, "cpu.stat", CGROUP_FILE_MAX, &cpu, NULL) < 0)
                return;
        ret->has_cpu = true;
        ret->user_usec = cgroup_text_get_counter(cpu, "user_usec");
        ret->system_usec = cgroup_text_get_counter(cpu, "system_usec");
}

uint64_t cell_read_memory_max(const CgroupCell *cell) {
        return cell_read_number(cell, "memory.max");
}

void cell_read_events(const CgroupCell *cell, CellEvents *ret) {
        _cleanup_free_ char *memory = NULL, *pids = NULL;

        *ret = (CellEvents){};
        if (file_read_at(cell->fd, "memory.events", CGROUP_FILE_MAX, &memory, NULL) >= 0) {
                ret->oom = cgroup_text_get_counter(memory, "oom");
                ret->oom_kill = cgroup_text_get_counter(memory, "oom_kill");
        }
        if (file_read_at(cell->fd, "pids.events", CGROUP_FILE_MAX, &pids, NULL) >= 0)
                ret->forks_refused = cgroup_text_get_counter(pids, "max");
}
