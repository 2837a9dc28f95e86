/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/keep.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "worker/cgroup-tree.h"
#include "worker/descendants.h"

/* Of one set-up. */
typedef struct Kept {
        uint32_t instance;
        int out_fd, err_fd;
        pid_t *sessions; /* of what it left, its own included */
        size_t n_sessions;
        pid_t *pids;
        size_t n_pids;
        const CgroupTree *tree; /* weak: the runner's */
        CgroupCell *cell;       /* that they are in; NULL: none */
} Kept;

typedef struct KeptHost {
        pid_t pid;
        bool ended;
        int wait_status;
} KeptHost;

struct Keep {
        Kept *items;
        size_t n_items;
        KeptHost *hosts;
        size_t n_hosts;
};

static void kept_done(Kept *kept) {
        fd_close(kept->out_fd);
        fd_close(kept->err_fd);
        free(kept->sessions);
        free(kept->pids);
        cell_free(kept->cell);
}

int keep_new(Keep **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void keep_forget(Keep *keep) {
        keep->n_hosts = 0;
        while (keep->n_items > 0)
                kept_done(&keep->items[--keep->n_items]);
}

Keep *keep_free(Keep *keep) {
        if (!keep)
                return NULL;
        keep_forget(keep);
        free(keep->items);
        free(keep->hosts);
        free(keep);
        return NULL;
}

bool keep_is_empty(const Keep *keep) {
        return keep->n_items == 0 && keep->n_hosts == 0;
}

/* ---- Module hosts ---- */

static KeptHost *keep_find_host(const Keep *keep, pid_t pid) {
        for (size_t i = 0; i < keep->n_hosts; i++)
                if (keep->hosts[i].pid == pid)
                        return &keep->hosts[i];
        return NULL;
}

int keep_add_host(Keep *keep, pid_t pid) {
        if (array_fit(keep->hosts, keep->n_hosts + 1) < 0)
                return -ENOMEM;
        keep->hosts[keep->n_hosts++] = (KeptHost){ .pid = pid };
        return 0;
}

void keep_drop_host(Keep *keep, pid_t pid) {
        KeptHost *host = keep_find_host(keep, pid);

        if (host)
                *host = keep->hosts[--keep->n_hosts];
}

bool keep_note_end(Keep *keep, pid_t pid, int wait_status) {
        KeptHost *host = keep_find_host(keep, pid);

        if (!host)
                return false;
        host->ended = true;
        host->wait_status = wait_status;
        return true;
}

bool keep_find_end(const Keep *keep, pid_t pid, int *ret_wait_status) {
        const KeptHost *host = keep_find_host(keep, pid);

        if (!host || !host->ended)
                return false;
        *ret_wait_status = host->wait_status;
        return true;
}

/* ---- What set-ups left ---- */

/* Every session is led by one of the processes, or was: then it is in it. */
static int kept_note(Kept *kept, pid_t leader) {
        kept->sessions = calloc(kept->n_pids + 1, sizeof(pid_t));
        if (!kept->sessions)
                return -ENOMEM;
        kept->sessions[kept->n_sessions++] = leader;
        for (size_t i = 0; i < kept->n_pids; i++) {
                pid_t session = getsid(kept->pids[i]);

                if (session > 0 && session != getsid(0))
                        kept->sessions[kept->n_sessions++] = session;
        }
        return 0;
}

int keep_add(Keep *keep, uint32_t instance, pid_t leader, Output *output) {
        Kept kept = { .instance = instance, .out_fd = -1, .err_fd = -1 };
        int r;

        r = process_list_descendants(getpid(), DESCENDANTS_MAX, &kept.pids, &kept.n_pids);
        if (r < 0)
                return r;
        keep_take_out(keep, kept.pids, &kept.n_pids);
        if (kept.n_pids == 0) {
                kept_done(&kept);
                return 0;
        }
        r = kept_note(&kept, leader);
        if (r >= 0)
                r = array_fit(keep->items, keep->n_items + 1);
        if (r < 0) {
                kept_done(&kept);
                return r;
        }
        r = output_give_away(output, &kept.out_fd, &kept.err_fd);
        keep->items[keep->n_items++] = kept;
        return r;
}

void keep_add_cell(Keep *keep, uint32_t instance, const CgroupTree *tree, CgroupCell **cell) {
        Kept *last = keep->n_items > 0 ? &keep->items[keep->n_items - 1] : NULL;

        if (!*cell || !last || last->instance != instance || last->cell)
                return;
        last->tree = tree;
        last->cell = TAKE_PTR(*cell);
}

CgroupCell *keep_release(Keep *keep, uint32_t instance) {
        CgroupCell *cell = NULL;
        size_t to = 0;

        for (size_t i = 0; i < keep->n_items; i++) {
                if (keep->items[i].instance != instance) {
                        keep->items[to++] = keep->items[i];
                        continue;
                }
                if (!cell)
                        cell = TAKE_PTR(keep->items[i].cell);
                kept_done(&keep->items[i]);
        }
        keep->n_items = to;
        return cell;
}

static bool pids_contain(const pid_t *pids, size_t n, pid_t pid) {
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

static bool keep_has(const Keep *keep, pid_t pid) {
        pid_t session = getsid(pid);
        const KeptHost *host = keep_find_host(keep, pid);

        if (host && !host->ended)
                return true;
        for (size_t i = 0; i < keep->n_items; i++) {
                const Kept *kept = &keep->items[i];

                if ((kept->cell && cgroup_tree_has_in_cell(kept->tree, kept->cell, pid)) ||
                    pids_contain(kept->pids, kept->n_pids, pid) ||
                    (session > 0 && pids_contain(kept->sessions, kept->n_sessions, session)))
                        return true;
        }
        return false;
}

/* Its parent, or one further up, is kept. The list has every process between it and us. */
static bool keep_has_ancestor(const Keep *keep, pid_t pid) {
        for (unsigned depth = 0; depth < 64 && pid > 1 && pid != getpid(); depth++) {
                if (keep_has(keep, pid))
                        return true;
                if (process_get_parent(pid, &pid) < 0)
                        return false;
        }
        return false;
}

void keep_take_out(const Keep *keep, pid_t *pids, size_t *count) {
        size_t to = 0;

        if (keep_is_empty(keep))
                return;
        for (size_t i = 0; i < *count; i++)
                if (!keep_has_ancestor(keep, pids[i]))
                        pids[to++] = pids[i];
        *count = to;
}

size_t keep_get_fds(const Keep *keep, struct pollfd *fds, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < keep->n_items && n + 2 <= max; i++) {
                fds[n++] = (struct pollfd){ .fd = keep->items[i].out_fd, .events = POLLIN };
                fds[n++] = (struct pollfd){ .fd = keep->items[i].err_fd, .events = POLLIN };
        }
        return n;
}

static void pipe_drop(int *fd) {
        char buffer[4096];
        ssize_t n = read(*fd, buffer, sizeof(buffer));

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                *fd = fd_close(*fd);
}

void keep_dispatch(Keep *keep, const struct pollfd *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (fds[i].revents)
                        pipe_drop(i % 2 == 0 ? &keep->items[i / 2].out_fd :
                                               &keep->items[i / 2].err_fd);
}
