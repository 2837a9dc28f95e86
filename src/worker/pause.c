/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/pause.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ptest/protocol.h"

#include "basic/array.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/file.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/cgroup-tree.h"
#include "worker/descendants.h"

/* Between two looks at what does not stand still yet. */
#define LOOK_USEC (2 * USEC_PER_MSEC)

#define CGROUP_FILE_MAX ((size_t)4096)

struct Pause {
        int tree_fd;     /* -1: there are no cells */
        char *tree_path; /* as in /proc/PID/cgroup */
        char **cells;    /* that were frozen by this pause */
        pid_t *pids;     /* that were stopped by it */
        size_t n_pids;
};

/* ---- Cells ---- */

static int cell_write_freeze(int tree_fd, const char *cell, const char *value) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = text_setf(&path, "%s/cgroup.freeze", cell);
        if (r < 0)
                return r;
        fd = openat(tree_fd, path, O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd_write_all(fd, value, 1);
}

/* What one of the two files of the freezer says. */
static bool cell_says(int tree_fd, const char *cell, const char *file, const char *words) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        return text_setf(&path, "%s/%s", cell, file) >= 0 &&
                        file_read_at(tree_fd, path, CGROUP_FILE_MAX, &text, NULL) >= 0 &&
                        strstr(text, words);
}

/* One that is frozen already is held by somebody else: that is not ours to end. */
static int pause_add_cell(Pause *pause, const char *cell) {
        if (cell_says(pause->tree_fd, cell, "cgroup.freeze", "1") ||
            cell_write_freeze(pause->tree_fd, cell, "1") < 0)
                return 0;
        return strv_extend(&pause->cells, cell);
}

static int pause_freeze(Pause *pause, const CgroupTree *tree) {
        int copy, r = 0;
        DIR *d;

        pause->tree_fd = open(cgroup_tree_get_directory(tree), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (pause->tree_fd < 0)
                return -errno;
        pause->tree_path = strdup(cgroup_tree_get_path(tree));
        if (!pause->tree_path)
                return -ENOMEM;
        copy = openat(pause->tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = copy < 0 ? NULL : fdopendir(copy);
        if (!d) {
                r = -errno;
                fd_close(copy);
                return r;
        }
        for (struct dirent *entry = readdir(d); entry && r >= 0; entry = readdir(d))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                    strcmp(entry->d_name, PTEST_CGROUP_LEAF) != 0)
                        r = pause_add_cell(pause, entry->d_name);
        closedir(d);
        return r;
}

static bool pause_cells_stand(const Pause *pause) {
        strv_for_each(cell, pause->cells)
                if (!cell_says(pause->tree_fd, *cell, "cgroup.events", "frozen 1"))
                        return false;
        return true;
}

/* ---- Processes ---- */

static bool pause_has_in_cell(const Pause *pause, pid_t pid) {
        _cleanup_free_ char *path = NULL;
        const char *rest;
        size_t n;

        if (!pause->cells || process_get_cgroup(pid, &path) < 0 ||
            !text_starts_with(path, pause->tree_path))
                return false;
        rest = path + strlen(pause->tree_path);
        rest += *rest == '/';
        n = strcspn(rest, "/");
        strv_for_each(cell, pause->cells)
                if (strlen(*cell) == n && strncmp(*cell, rest, n) == 0)
                        return true;
        return false;
}

static bool pause_has_stopped(const Pause *pause, pid_t pid) {
        for (size_t i = 0; i < pause->n_pids; i++)
                if (pause->pids[i] == pid)
                        return true;
        return false;
}

static int pause_stop_process(Pause *pause, pid_t pid) {
        if (pause_has_stopped(pause, pid))
                return 0;
        if (array_fit(pause->pids, pause->n_pids + 1) < 0)
                return -ENOMEM;
        if (kill(pid, SIGSTOP) >= 0)
                pause->pids[pause->n_pids++] = pid;
        return 0;
}

/* Those that are not in a cell. 1: one of them runs still, or did; parents are stopped before their children. */
static int pause_stop_round(Pause *pause) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        int r, running = 0;

        r = descendants_list(NULL, &pids, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                char state = 0;

                if (process_get_state(pids[i], &state) < 0 || strchr("TtZX", state) ||
                    pause_has_in_cell(pause, pids[i]))
                        continue;
                running = 1;
                r = pause_stop_process(pause, pids[i]);
        }
        return r < 0 ? r : running;
}

static void pause_continue_processes(Pause *pause) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        /* A number may be another's by now, which is then below us, or none of our business. */
        if (pause->n_pids == 0 || descendants_list(NULL, &pids, &n) < 0)
                return;
        /* Children first: a parent that waits for them does not find them stopped. */
        for (size_t i = n; i > 0; i--)
                if (pause_has_stopped(pause, pids[i - 1]))
                        (void)kill(pids[i - 1], SIGCONT);
}

/* ---- ---- */

int pause_new(const CgroupTree *tree, Pause **ret) {
        const uint64_t end = usec_add(clock_machine(), PAUSE_MAX);
        _cleanup_(pause_freep) Pause *pause = malloc(sizeof(*pause));
        int r = 0;

        if (!pause)
                return -ENOMEM;
        *pause = (Pause){ .tree_fd = -1 };
        if (tree)
                r = pause_freeze(pause, tree);
        if (r < 0)
                return r;
        for (;;) {
                r = pause_stop_round(pause);
                if (r < 0)
                        return r;
                if ((r == 0 && pause_cells_stand(pause)) || clock_machine() >= end)
                        break;
                (void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_USEC * 1000 }, NULL);
        }
        *ret = TAKE_PTR(pause);
        return 0;
}

Pause *pause_free(Pause *pause) {
        if (!pause)
                return NULL;
        pause_continue_processes(pause);
        strv_for_each(cell, pause->cells)
                (void)cell_write_freeze(pause->tree_fd, *cell, "0");
        fd_close(pause->tree_fd);
        free(pause->tree_path);
        strv_free(pause->cells);
        free(pause->pids);
        free(pause);
        return NULL;
}
