/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "worker/module-run.h"
#include "worker/module-step.h"
#include "worker/page.h"
#include "worker/status.h"

/* Our own fds are above it: tests may expect the lowest numbers, and some limits are no higher than 256. */
#define OWN_FDS_START 200

typedef struct HostFds {
        int socket, area, out, err, trace;
        int page; /* -1: there is none */
} HostFds;

static int fd_move_up(int fd) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS_START);

        if (moved < 0)
                return -errno;
        close(fd);
        return moved;
}

static int fds_take(HostFds *ret) {
        HostFds fds = {
                .socket = fd_move_up(MODULE_FD_SOCKET),
                .area = fd_move_up(MODULE_FD_AREA),
                .out = fd_move_up(MODULE_FD_OUT),
                .err = fd_move_up(MODULE_FD_ERR),
                .trace = fd_move_up(MODULE_FD_TRACE),
                .page = fd_move_up(MODULE_FD_PAGE),
        };

        if (fds.socket < 0 || fds.area < 0 || fds.out < 0 || fds.err < 0 || fds.trace < 0)
                return -EBADF;
        if (dup2(fds.out, STDOUT_FILENO) < 0 || dup2(fds.err, STDERR_FILENO) < 0)
                return -errno;
        *ret = fds;
        return 0;
}

static int area_map(int fd, ModuleArea **ret) {
        void *memory = mmap(NULL, sizeof(ModuleArea), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (memory == MAP_FAILED)
                return -errno;
        *ret = memory;
        return 0;
}

/* What runs is known to the coordinator without a word, and also when the worker is gone. */
static int page_take(int *fd, ModuleRunner *runner) {
        int r;

        if (*fd < 0)
                return 0;
        r = page_map(*fd, &runner->page);
        *fd = fd_close(*fd);
        return r;
}

/* What it has to say of a bad outcome may be that nothing is to be run after it. */
static bool runner_waits_for_worker(const ModuleRunner *runner) {
        const ModuleClaim *claim = &runner->area->claim;

        return claim->stops_at_bad && runner->n_bad > atomic_load(&claim->n_bad_read);
}

/* The next request, claimed: see ModuleClaim. 0: none waits, or the worker holds them back */
static int request_take(ModuleRunner *runner, char *buffer, size_t *ret_size) {
        ModuleArea *area = runner->area;
        int r;

        if (module_ring_is_empty(&area->requests) || runner_waits_for_worker(runner))
                return 0;
        atomic_fetch_add(&area->claim.n_claimed, 1);
        r = atomic_load(&area->claim.hold) ? 0 :
                                             module_ring_read(&area->requests, buffer, ret_size);
        if (r == 0)
                atomic_fetch_sub(&area->claim.n_claimed, 1);
        return r;
}

/* All that waits. The records are a worker's, who is trusted. */
static int requests_handle(ModuleRunner *runner, char *buffer) {
        while (!runner->leaving) {
                ModuleRequestRecord request;
                size_t size;
                int r;

                r = request_take(runner, buffer, &size);
                if (r <= 0)
                        return r;
                if (size < sizeof(request))
                        return -EBADMSG;
                memcpy(&request, buffer, sizeof(request));
                if (size != sizeof(request) + request.name_size || size >= MODULE_RING_RECORD_MAX ||
                    request.op >= MODULE_OP_MAX)
                        return -EBADMSG;
                buffer[size] = '\0';
                r = module_runner_handle(runner, &request, buffer + sizeof(request));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Until the worker has no more for us. */
static int host_loop(ModuleRunner *runner, int socket_fd) {
        _cleanup_free_ char *buffer = malloc(MODULE_RING_RECORD_MAX);

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                char bytes[64];
                ssize_t n;
                int r;

                r = requests_handle(runner, buffer);
                module_runner_wake(runner);
                if (r < 0 || runner->leaving)
                        return r;
                do
                        n = read(socket_fd, bytes, sizeof(bytes));
                while (n < 0 && errno == EINTR);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
        }
}

static int host_run(
                HostFds *fds, ModuleRunner *runner, const char *path, const char *worker_set_up) {
        int r;

        r = area_map(fds->area, &runner->area);
        if (r < 0)
                return r;
        clock_follow(&runner->area->away_usec);
        r = page_take(&fds->page, runner);
        if (r < 0)
                return r;
        runner->record = malloc(MODULE_RING_RECORD_MAX);
        if (!runner->record)
                return -ENOMEM;
        r = step_init(&(StepOptions){
                        .area = runner->area,
                        .err_fd = fds->err,
                        .trace_fd = fds->trace,
                        .on_found = module_runner_on_found,
                        .userdata = runner,
        });
        if (r < 0)
                return r;
        r = module_state_new(fds->out, fds->err, &runner->state);
        if (r < 0)
                return r;
        runner->out_size = module_state_out_size(runner->state);
        runner->err_size = module_state_err_size(runner->state);

        r = module_runner_load(runner, path, worker_set_up);
        if (r < 0)
                return r == -ELIBBAD ? 0 : r;
        r = host_loop(runner, fds->socket);
        if (r < 0)
                return r;
        return module_runner_tear_down_all(runner);
}

int module_host_main(int argc, char **argv) {
        const char *path = argc > 2 ? argv[2] : NULL;
        const char *worker_set_up = argc > 4 ? argv[4] : NULL;
        ModuleRunner runner = {};
        HostFds fds = {};
        int r;

        if (!path || argc == 4 || argc > 5 ||
            (worker_set_up && strcmp(argv[3], MODULE_WORKER_SET_UP_OPTION) != 0))
                return WORKER_STATUS_USAGE;
        r = fds_take(&fds);
        if (r < 0)
                return WORKER_STATUS_USAGE;
        /* Our program is a link to nothing that says who we are: "exe". */
        (void)prctl(PR_SET_NAME, "ptest-module");
        /* What a test leaves behind comes to us, and is seen. */
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return WORKER_STATUS_MACHINE;
        /* What a crash leaves in libc's buffer is at most a line. */
        (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

        runner.socket_fd = fds.socket;
        runner.trace_fd = fds.trace;
        r = host_run(&fds, &runner, path, worker_set_up);
        if (r < 0)
                log_error_errno(r, "Failed to run tests of %s: %m", path);
        if (runner.area)
                module_runner_wake(&runner);
        /* As whoever looks at this process's end expects it of one that crashed. */
        if (r >= 0 && runner.crash_signal > 0)
                step_end_by_signal(runner.crash_signal);
        module_runner_done(&runner);
        return r < 0 ? WORKER_STATUS_MACHINE : WORKER_STATUS_GOOD;
}
