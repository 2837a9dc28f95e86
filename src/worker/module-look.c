/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the threads of a module host are doing, when a test in it is at its time limit: before it is interrupted
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "basic/process.h"
#include "worker/descendants.h"
#include "worker/module-internal.h"
#include "worker/stuck.h"

/* The helper may have been reaped by who sweeps: then there is no such child. */
static void report_reap(Stuck *report) {
        const pid_t pid = stuck_get_pid(report);

        if (pid > 0 && waitpid(pid, NULL, WNOHANG) != 0)
                (void)stuck_note_end(report, pid);
}

/* The process itself, unless it only waits for a child, and all below it: it is their sub-reaper. */
static int host_list(const ModuleHost *host, bool itself, pid_t **ret_pids, size_t *ret_count) {
        _cleanup_free_ pid_t *below = NULL;
        pid_t *pids;
        size_t n_below = 0, n = 0;

        /* Who has just ended has nobody below. */
        (void)process_list_descendants(host->pid, DESCENDANTS_MAX, &below, &n_below);
        pids = malloc((n_below + 1) * sizeof(*pids));
        if (!pids)
                return -ENOMEM;
        if (itself)
                pids[n++] = host->pid;
        for (size_t i = 0; i < n_below; i++)
                pids[n++] = below[i];
        *ret_pids = pids;
        *ret_count = n;
        return 0;
}

static int host_start_look(ModuleHost *host, bool itself) {
        const ModulePending *pending = module_host_get_first(host);
        _cleanup_free_ pid_t *pids = NULL;
        StuckSpec spec = { .cgroup_fd = -1, .policy = pending ? pending->stuck : STUCK_STACKS };
        int r;

        if (spec.policy == STUCK_NONE)
                return -ECANCELED;
        r = host_list(host, itself, &pids, &spec.n_pids);
        if (r < 0)
                return r;
        spec.pids = pids;
        return stuck_start(&spec, &host->report);
}

void module_host_let_go(ModuleHost *host) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        host->held_sequence = 0;
        if (host->pid <= 0 || host_list(host, true, &pids, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                (void)kill(pids[i], SIGCONT);
        atomic_store(&host->memory.area->current.held, 0);
}

static bool host_look(ModuleHost *host, uint64_t sequence, uint64_t now, bool itself) {
        if (host->report && !stuck_is_made(host->report)) {
                report_reap(host->report);
                stuck_dispatch(host->report, now);
                return !stuck_is_made(host->report);
        }
        if (host->looked_sequence == sequence || host->interrupting)
                return false;
        host->looked_sequence = sequence;
        host->report = stuck_free(host->report);
        return host_start_look(host, itself) >= 0;
}

bool module_host_look(ModuleHost *host, uint64_t sequence, uint64_t now) {
        return host_look(host, sequence, now, true);
}

void module_host_look_at_child(ModuleHost *host, uint64_t sequence, uint64_t now) {
        ModuleCurrent *current = &host->memory.area->current;
        const uint64_t wanted = atomic_load(&current->look_wanted);

        if (host->held_sequence != 0 && wanted != host->held_sequence)
                module_host_let_go(host);
        if (sequence == 0 || wanted != sequence || atomic_load(&current->looked) == sequence)
                return;
        host->held_sequence = sequence;
        atomic_store(&current->held, sequence);
        if (!host_look(host, sequence, now, false))
                atomic_store(&current->looked, sequence);
}

bool module_host_is_looked_at(const ModuleHost *host) {
        return host->report && !stuck_is_made(host->report);
}

int module_host_take_report(ModuleHost *host, Result *result) {
        Stuck *report = TAKE_PTR(host->report);
        int r = 0;

        if (host->held_sequence != 0)
                module_host_let_go(host);
        if (!report)
                return 0;
        report_reap(report);
        if (!stuck_is_made(report)) {
                /* What it was at ended by itself. */
                stuck_abort(report);
                report_reap(report);
                module_host_let_go(host);
        }
        if (result->outcome == PTEST_OUTCOME_TIMEOUT)
                r = stuck_take(report, &result->stuck);
        stuck_free(report);
        return r;
}
