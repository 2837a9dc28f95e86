/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pidfd is watched and not SIGCHLD, so that other children of the program remain whoever's they are:
 * waitid() is only ever called with a pidfd of our own.
 */

#include "backend/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "backend/launch.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/process.h"

#ifndef P_PIDFD
#        define P_PIDFD 3
#endif

static bool child_reap(Child *child) {
        siginfo_t info = {};

        if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0) {
                if (errno == EINTR)
                        return false;

                /* Somebody else took it (ECHILD): it has ended all the same, but nobody can say how. */
                log_warning("Failed to reap process %d: %m", (int)child->pid);
                child->code = CLD_KILLED;
        } else if (info.si_pid == 0)
                return false;
        else {
                child->code = info.si_code;
                child->status = info.si_status;
        }

        child->pid = 0;
        child->source = sd_event_source_disable_unref(child->source);
        child->pidfd = fd_close(child->pidfd);
        return true;
}

static int child_on_pidfd(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Child *child = userdata;

        if (child_reap(child))
                child->on_exit(child->userdata);

        return 0;
}

int child_start(Child *child,
                sd_event *event,
                const BackendWorkerSpec *spec,
                const char *mark,
                void (*on_exit)(void *userdata),
                void *userdata) {
        pid_t pid = 0;
        _cleanup_close_ int pidfd = -1;

        int r = launch_worker(spec->argv, spec->fds, spec->n_fds, mark, &pid, &pidfd);
        if (r < 0)
                return r;

        child->pid = pid;
        child->pidfd = TAKE_FD(pidfd);
        child->on_exit = on_exit;
        child->userdata = userdata;

        r = sd_event_add_io(event, &child->source, child->pidfd, EPOLLIN, child_on_pidfd, child);
        if (r < 0) {
                child_done(child);
                return r;
        }

        (void)sd_event_source_set_description(child->source, "worker-pidfd");
        return 0;
}

void child_done(Child *child) {
        child->source = sd_event_source_disable_unref(child->source);
        if (child->pid > 0) {
                child_signal(child, SIGKILL);
                (void)child_reap(child);
        }
        child->pidfd = fd_close(child->pidfd);
        child->pid = 0;
}

bool child_is_alive(const Child *child) {
        siginfo_t info = {};

        if (child->pid <= 0)
                return false;

        return waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) >= 0 &&
                        info.si_pid == 0;
}

bool child_is_reaped(const Child *child) {
        return child->pid == 0;
}

void child_signal(Child *child, int signo) {
        if (child->pid > 0)
                (void)process_signal(child->pidfd, signo);
}

int child_describe_end(const Child *child, char **ret) {
        char *text = NULL;
        int r;

        if (child->code == CLD_EXITED)
                r = asprintf(&text, "exit status %d", child->status);
        else
                r = asprintf(&text, "signal %s", signal_to_name(child->status));
        if (r < 0)
                return -ENOMEM;

        *ret = text;
        return 0;
}
