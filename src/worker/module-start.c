/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/process.h"
#include "worker/keep.h"
#include "worker/module-host.h"
#include "worker/module-internal.h"

/*
 * How a worker starts a module host
 */

typedef struct StartSpec {
        int fds[MODULE_FD_END - MODULE_FD_SOCKET];
        const char *program;
        const char *workdir; /* NULL: ours */
        char *const *argv;
        char *const *environment;
        int cell_fd; /* the cgroup that it moves into; -1: none */
        pid_t parent;
} StartSpec;

static bool child_enter_cell(const StartSpec *spec) {
        int fd;

        if (spec->cell_fd < 0)
                return true;
        fd = openat(spec->cell_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) < 0)
                return false;
        close(fd);
        return true;
}

/* Between vfork() and exec: only what is async-signal-safe. */
static void __attribute__((noreturn, noinline)) child_run(const StartSpec *spec) {
        sigset_t none;

        if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != spec->parent)
                _exit(127);
        if (!child_enter_cell(spec))
                _exit(127);
        if (spec->workdir && chdir(spec->workdir) < 0)
                _exit(127);
        for (int i = 0; i < (int)ELEMENTSOF(spec->fds); i++)
                if (spec->fds[i] >= 0 && dup2(spec->fds[i], MODULE_FD_SOCKET + i) < 0)
                        _exit(127);
        (void)syscall(SYS_close_range, MODULE_FD_END, ~0U, 0);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        execve(spec->program, spec->argv, spec->environment);
        _exit(127);
}

/* The worker's memory is not copied, and no handler of a library runs in the child. */
static pid_t __attribute__((noinline)) child_start(const StartSpec *spec) {
        const pid_t pid = vfork();

        if (pid == 0)
                child_run(spec);
        return pid < 0 ? -errno : pid;
}

static int socket_pair(int *ret_ours, int *ret_theirs) {
        int pair[2], ours, theirs;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = fcntl(pair[0], F_DUPFD_CLOEXEC, MODULE_FD_END);
        theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, MODULE_FD_END);
        close(pair[0]);
        close(pair[1]);
        if (ours < 0 || theirs < 0 || fd_set_nonblock(ours, true) < 0) {
                fd_close(ours);
                fd_close(theirs);
                return -EMFILE;
        }
        *ret_ours = ours;
        *ret_theirs = theirs;
        return 0;
}

int module_host_start(ModuleHost *host) {
        _cleanup_close_ int ours = -1, theirs = -1;
        char *const argv[] = { (char *)"ptest-module-host",
                               (char *)MODULE_HOST_OPTION,
                               host->path,
                               host->worker_set_up ? (char *)MODULE_WORKER_SET_UP_OPTION : NULL,
                               host->worker_set_up,
                               NULL };
        pid_t pid;
        int r;

        assert(host->state == MODULE_HOST_NONE);
        r = socket_pair(&ours, &theirs);
        if (r < 0)
                return r;
        module_ring_clear(&host->memory.area->requests);
        module_ring_clear(&host->memory.area->results);
        host->memory.area->current = (ModuleCurrent){};
        host->memory.area->crash = (ModuleCrash){};
        host->memory.area->claim = (ModuleClaim){ .stops_at_bad = host->options.stops_at_bad };
        module_host_note_away(host);
        host->n_sent = 0;
        host->n_written = 0;
        host->left_in_order = false;
        host->killed = false;
        host->interrupted_sequence = host->looked_sequence = host->held_sequence = 0;

        r = host_cell_begin(&host->cell);
        if (r < 0)
                return r;
        const StartSpec spec = {
                .fds = {theirs,
                        host->memory.area_fd,
                        host->memory.out_fd,
                        host->memory.err_fd,
                        host->memory.trace_fd,
                        host->options.page_fd > 0 ? host->options.page_fd : -1},
                .workdir = host->workdir,
                .program = host->program,
                .argv = argv,
                .environment = host->environment,
                .cell_fd = host_cell_get_fd(&host->cell),
                .parent = getpid(),
        };

        pid = child_start(&spec);
        if (pid < 0)
                return pid;
        host->pid = pid;
        r = host_cell_on_started(&host->cell);
        if (r < 0)
                return r;
        if (host->options.keep) {
                r = keep_add_host(host->options.keep, pid);
                if (r < 0)
                        return r;
        }
        /* Before Linux 5.3 its end is seen at its socket, and at the next tick. */
        if (process_open(pid, &host->pid_fd) < 0)
                host->pid_fd = -1;
        host->socket_fd = TAKE_FD(ours);
        host->n_starts++;
        host->state = MODULE_HOST_RUNNING;
        return 0;
}
