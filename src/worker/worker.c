/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/text.h"
#include "wire/channel.h"
#include "wire/message.h"
#include "worker/keep.h"
#include "worker/page.h"
#include "worker/worker-internal.h"

/* How long the coordinator may take to acknowledge the end; it has all it needs by then. */
#define LEAVE_USEC (5 * USEC_PER_SEC)

/* Of the poll; those of a run follow. */
enum {
        FD_GATE,
        FD_SIGNAL,
        FD_CHANNEL,
        FD_RUN,
        FD_MORE = FD_RUN +
                        RUN_FDS_MAX, /* of module hosts, then pipes of what set-ups left running */
        FD_MODULES_MAX = 64,
        FD_KEEP_MAX = 128,
        FD_MAX = FD_MORE + FD_MODULES_MAX + FD_KEEP_MAX,
};

void worker_end(Worker *worker, WorkerStatus status) {
        if (worker->state == WORKER_ENDED)
                return;
        worker->state = WORKER_ENDED;
        worker->status = status;
}

void worker_end_by_error(Worker *worker, WorkerStatus status, int error, const char *what) {
        log_error_errno(error,
                        "Worker %u.%u: failed to %s: %m",
                        worker->options->slot,
                        worker->options->generation,
                        what);
        worker_end(worker, status);
}

/* ---- What is next ---- */

static void worker_begin_leave(Worker *worker) {
        worker->state = WORKER_LEAVING;
        worker->leave_usec = usec_add(clock_monotonic(), LEAVE_USEC);
        worker_send(worker, &(Message){ .kind = MESSAGE_BYE });
}

/* What the hosts have to do at their end, such as writing down what code ran, they do before. */
static void worker_finish(Worker *worker) {
        if (worker->run || modules_count_pending(worker->modules) > 0)
                return;
        modules_begin_stop(worker->modules);
        if (modules_are_gone(worker->modules))
                worker_begin_leave(worker);
}

/* Goes on as far as it can without waiting: the next test is started at once after the one before. */
static void worker_advance(Worker *worker) {
        if (worker->run && run_has_ended(worker->run))
                worker_finish_run(worker);
        if (!worker->pausing)
                worker_start_tasks(worker);
        if (worker->state == WORKER_FINISHING)
                worker_finish(worker);
        if (worker->state == WORKER_LEAVING && clock_monotonic() >= worker->leave_usec)
                worker_end(worker, WORKER_STATUS_GOOD);
        worker_flush(worker);
}

/* ---- The loop ---- */

static uint64_t worker_get_deadline(const Worker *worker) {
        if (worker->paused)
                return USEC_INFINITY;

        uint64_t deadline = modules_get_deadline(worker->modules);

        if (worker->state == WORKER_LEAVING)
                deadline = MIN(deadline, worker->leave_usec);
        if (worker->run)
                deadline = MIN(deadline,
                               run_has_ended(worker->run) ? 0 : run_get_deadline(worker->run));
        return deadline;
}

/* How many there are is returned. */
static size_t worker_get_fds(Worker *worker, struct pollfd fds[static FD_MAX]) {
        fds[FD_GATE] = (struct pollfd){ .fd = worker->options->gate_fd, .events = POLLIN };
        fds[FD_SIGNAL] = (struct pollfd){ .fd = worker->options->signal_fd, .events = POLLIN };
        fds[FD_CHANNEL] = (struct pollfd){
                .fd = channel_worker_get_fd(worker->channel),
                .events = POLLIN,
        };
        for (size_t i = FD_RUN; i < FD_MORE; i++)
                fds[i].fd = -1;
        worker->n_module_fds = worker->n_kept_fds = 0;
        if (worker->paused)
                return FD_RUN;
        if (worker->run)
                run_get_fds(worker->run, fds + FD_RUN);
        worker->n_module_fds = modules_get_fds(worker->modules, fds + FD_MORE, FD_MODULES_MAX);
        worker->n_kept_fds = keep_get_fds(
                        runner_get_keep(worker->runner),
                        fds + FD_MORE + worker->n_module_fds,
                        FD_KEEP_MAX);
        return FD_MORE + worker->n_module_fds + worker->n_kept_fds;
}

static int worker_poll(Worker *worker, struct pollfd fds[static FD_MAX]) {
        const size_t n_fds = worker->n_polled = worker_get_fds(worker, fds);
        uint64_t deadline = worker_get_deadline(worker), now, left;
        struct timespec timeout;

        now = deadline == USEC_INFINITY ? 0 : clock_monotonic();
        left = deadline > now ? deadline - now : 0;
        timeout = (struct timespec){
                .tv_sec = (time_t)(left / USEC_PER_SEC),
                .tv_nsec = (long)(left % USEC_PER_SEC * 1000),
        };
        if (ppoll(fds, n_fds, deadline == USEC_INFINITY ? NULL : &timeout, NULL) < 0)
                return -errno;
        return 0;
}

/* After the one that opened it, nothing is said through the gate but its end. */
static bool gate_is_closed(int fd) {
        char byte;

        return read(fd, &byte, 1) <= 0;
}

static void worker_dispatch(Worker *worker, const struct pollfd fds[static FD_MAX]) {
        int r;

        if (fds[FD_GATE].revents && gate_is_closed(worker->options->gate_fd)) {
                worker_end(worker, WORKER_STATUS_ORPHAN);
                return;
        }
        if (fds[FD_SIGNAL].revents) {
                worker_end(worker, WORKER_STATUS_STOPPED);
                return;
        }
        if (fds[FD_CHANNEL].revents)
                worker_receive(worker);
        if (worker->n_polled == FD_RUN)
                return;
        /* Before the run, which may change what is kept. */
        keep_dispatch(runner_get_keep(worker->runner),
                      fds + FD_MORE + worker->n_module_fds,
                      worker->n_kept_fds);
        if (worker->run && worker->state != WORKER_ENDED) {
                r = run_dispatch(worker->run, fds + FD_RUN);
                if (r < 0)
                        worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "run a test");
        }
        worker_dispatch_modules(worker, fds + FD_MORE, worker->n_module_fds);
}

static void worker_loop(Worker *worker) {
        Message hello = {
                .kind = MESSAGE_HELLO,
                .hello = {
                        .version = PTEST_PROTOCOL_VERSION,
                        .slot = worker->options->slot,
                        .generation = worker->options->generation,
                        .pid = getpid(),
                },
        };

        worker_send(worker, &hello);
        while (worker->state != WORKER_ENDED) {
                struct pollfd fds[FD_MAX];
                int r;

                worker_try_pause(worker);
                if (worker->paused)
                        worker_flush(worker);
                else
                        worker_advance(worker);
                if (worker->state == WORKER_ENDED)
                        break;
                r = worker_poll(worker, fds);
                if (r == -EINTR)
                        continue;
                if (r < 0) {
                        worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "wait for events");
                        break;
                }
                worker_dispatch(worker, fds);
        }
}

static int worker_open(Worker *worker) {
        const WorkerOptions *options = worker->options;
        int r;

        r = page_map(options->page_fd, &worker->page);
        if (r < 0)
                return r;
        r = text_setf(&worker->exports_path,
                      "%s/" PTEST_FILES_DIRECTORY "/x%ug%u",
                      options->directory,
                      options->slot,
                      options->generation);
        if (r < 0)
                return r;
        r = text_setf(&worker->found_path,
                      "%s/" PTEST_FILES_DIRECTORY "/f%ug%u",
                      options->directory,
                      options->slot,
                      options->generation);
        if (r < 0)
                return r;
        r = runner_new(options->environment, &worker->runner);
        if (r < 0)
                return r;
        runner_set_places(worker->runner, options->places);
        if (!options->no_test_cgroups)
                r = runner_contain(worker->runner, options->slot, options->generation);
        runner_set_kernel_log(
                        worker->runner, options->kernel_log_fd > 0 ? options->kernel_log_fd : -1);
        if (r < 0)
                return r;
        r = worker_open_modules(worker);
        if (r < 0)
                return r;
        r = channel_worker_new(
                        options->directory, options->slot, options->generation, &worker->channel);
        if (r < 0)
                return r;
        worker->outbox = (Outbox){ .channel = worker->channel, .spill_fd = options->spill_fd };
        return 0;
}

WorkerStatus worker_run(const WorkerOptions *options) {
        /* Too large for the stack of a function, and there is one in a process. */
        static Worker worker;
        int r;

        worker = (Worker){ .options = options };
        r = worker_open(&worker);
        if (r < 0) {
                worker_end_by_error(&worker, WORKER_STATUS_CHANNEL, r, "reach the coordinator");
                return worker.status;
        }
        worker_loop(&worker);
        worker_end_pause(&worker);
        if (worker.status != WORKER_STATUS_GOOD || !keep_is_empty(runner_get_keep(worker.runner)))
                (void)runner_kill_all(worker.runner);
        return worker.status;
}
