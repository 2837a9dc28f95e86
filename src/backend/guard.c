/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard is a process that does nothing but end together with the coordinator, in a scope that all workers' scopes are
 * bound to. So the manager stops them when the coordinator was killed, also one whose worker was killed with
 * it and in which only what tests have left behind lives on. A service around us would do as well, but there may be
 * none, or one in which we are not the main process.
 *
 * Without a guard a run is not worse off in any other way: where none can be had, it goes on with a warning. One that
 * is killed takes the workers along, and is replaced for theirs.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backend/scope.h"
#include "basic/fd.h"
#include "basic/log.h"

/* Somebody who kills it again and again wants no run. */
#define GUARDS_MAX 3U

#define END_USEC (1 * USEC_PER_SEC)

static int systemd_launch_guard(Systemd *systemd);

static void guard_on_ready(BackendWorker *worker, void *userdata) {
        Systemd *systemd = userdata;

        systemd->guarded = true;
        systemd_grant_turns(systemd);
}

static void systemd_drop_guard(Systemd *systemd) {
        systemd->guard_fd = fd_close(systemd->guard_fd);
        systemd->guard = backend_worker_free(systemd->guard);
        systemd->guarded = false;
}

static void guard_on_gone(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata) {
        Systemd *systemd = userdata;

        log_warning("%s: %s",
                    worker->unit,
                    end->error ? end->error : "it ended, and takes all workers along");
        bool again = end->started && systemd->n_guards < GUARDS_MAX;
        systemd_drop_guard(systemd);

        int r = again ? systemd_launch_guard(systemd) : 0;
        if (r < 0)
                log_warning("Failed to start a guard again: %s", strerror(-r));
        if (!systemd->guard) {
                log_warning("If this program is killed, processes of tests may stay behind");
                systemd_grant_turns(systemd);
        }
}

static void guard_on_lost(BackendWorker *worker, const char *why, void *userdata) {
        Systemd *systemd = userdata;

        log_warning("%s", why);
        systemd_drop_guard(systemd);
        systemd_grant_turns(systemd);
}

static int systemd_launch_guard(Systemd *systemd) {
        static const BackendWorkerHandlers handlers = {
                guard_on_ready,
                guard_on_gone,
                guard_on_lost,
        };
        _cleanup_close_ int ours = -1, theirs = -1;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        theirs = fds[0];
        ours = fds[1];

        char *const argv[] = { systemd->backend.guard_program, (char *)"--guard", NULL };
        const BackendWorkerSpec spec = {
                .slot = SCOPE_GUARD_SLOT,
                .generation = ++systemd->n_guards,
                .argv = argv,
                .fds = &theirs,
                .n_fds = 1,
        };
        int r = scope_start(systemd, &spec, &handlers, systemd, &systemd->guard);
        if (r < 0)
                return r;

        systemd->guard_fd = TAKE_FD(ours);
        return 0;
}

int systemd_start_guard(Systemd *systemd) {
        return systemd->backend.guard_program ? systemd_launch_guard(systemd) : 0;
}

/* At the end it is waited for, so that it does not keep the slice. */
void systemd_stop_guard(Systemd *systemd) {
        Scope *scope = (Scope *)systemd->guard;

        if (scope && scope->child.pid > 0) {
                struct pollfd pollfd = { .fd = scope->child.pidfd, .events = POLLIN };

                child_signal(&scope->child, SIGKILL);
                (void)poll(&pollfd, 1, END_USEC / USEC_PER_MSEC);
        }
        systemd_drop_guard(systemd);
}
