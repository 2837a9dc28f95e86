/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/process-tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/macros.h"
#include "basic/parse.h"
#include "basic/process.h"

/* So many are looked at once. */
#define PIDS_MAX 4096U

void pid_list_done(PidList *list) {
        free(list->pids);
}

int pid_list_add(PidList *list, pid_t pid) {
        if (list->n >= PIDS_MAX)
                return -E2BIG;

        if (!list->pids) {
                list->pids = calloc(PIDS_MAX, sizeof(pid_t));
                if (!list->pids)
                        return -ENOMEM;
        }

        list->pids[list->n++] = pid;
        return 0;
}

static void closedirp(DIR **d) {
        if (*d)
                closedir(*d);
}

int process_tree_list_children(PidList *list) {
        _cleanup_(closedirp) DIR *d = opendir("/proc");
        pid_t self = getpid();

        if (!d)
                return -errno;

        for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
                ProcessStat stat;
                int pid = 0;

                if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
                    parse_int(entry->d_name, &pid) < 0)
                        continue;
                if (process_get_stat(pid, &stat) >= 0 && stat.parent == self &&
                    pid_list_add(list, pid) < 0)
                        break;
        }

        return 0;
}

/* Whether it is our child or deeper descendant (still); the walk upwards is bounded. */
static bool process_is_below_us(pid_t pid) {
        for (unsigned depth = 0; depth < 1024; depth++) {
                if (pid == getpid())
                        return true;
                if (pid <= 1 || process_get_parent(pid, &pid) < 0)
                        return false;
        }

        return false;
}

static void signal_descendant(pid_t pid, int signo) {
        _cleanup_close_ int pidfd = -1;

        if (process_open(pid, &pidfd) >= 0 && process_is_below_us(pid))
                (void)process_signal(pidfd, signo);
}

void process_tree_signal(pid_t root, int signo) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        (void)process_list_descendants(root, PIDS_MAX, &pids, &n);
        signal_descendant(root, signo);
        for (size_t i = 0; i < n; i++)
                signal_descendant(pids[i], signo);
}
