/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the threads of a module host are doing, when a test in it is at its time limit: before it is interrupted
 */

#include <signal.h>
#include <sys/wait.h>

#include "worker/module-internal.h"
#include "worker/stuck.h"

/* The helper may have been reaped by who sweeps: then there is no such child. */
static void report_reap(Stuck *report) {
        const pid_t pid = stuck_get_pid(report);

        if (pid > 0 && waitpid(pid, NULL, WNOHANG) != 0)
                (void)stuck_note_end(report, pid);
}

bool module_host_look(ModuleHost *host, uint64_t sequence, uint64_t now) {
        if (host->report && !stuck_is_made(host->report)) {
                report_reap(host->report);
                stuck_dispatch(host->report, now);
                return !stuck_is_made(host->report);
        }
        if (host->looked_sequence == sequence || host->interrupting)
                return false;
        host->looked_sequence = sequence;
        host->report = stuck_free(host->report);
        return stuck_start(&host->pid, 1, -1, &host->report) >= 0;
}

bool module_host_is_looked_at(const ModuleHost *host) {
        return host->report && !stuck_is_made(host->report);
}

int module_host_take_report(ModuleHost *host, Result *result) {
        Stuck *report = TAKE_PTR(host->report);
        int r = 0;

        if (!report)
                return 0;
        report_reap(report);
        if (!stuck_is_made(report)) {
                /* What it was at ended by itself. */
                stuck_abort(report);
                report_reap(report);
                if (host->pid > 0)
                        (void)kill(host->pid, SIGCONT);
        }
        if (result->outcome == PTEST_OUTCOME_TIMEOUT)
                r = stuck_take(report, &result->stuck);
        stuck_free(report);
        return r;
}
