/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "wire/channel.h"
#include "wire/message.h"
#include "worker/keep.h"
#include "worker/outbox.h"
#include "worker/page.h"
#include "worker/run.h"

/* How long the coordinator may take to acknowledge the end; it has all it needs by then. */
#define LEAVE_USEC (5 * USEC_PER_SEC)

typedef enum WorkerState {
        WORKER_WORKING,
        WORKER_FINISHING, /* nothing is started any more */
        WORKER_LEAVING,   /* all is said */
        WORKER_ENDED,     /* the status says why */
} WorkerState;

typedef struct Worker {
        const WorkerOptions *options; /* weak */
        ChannelWorker *channel;       /* never freed, see worker.h */
        Outbox outbox;
        Runner *runner;
        PtestPage *page;
        char *exports_path; /* where set-ups write theirs */

        WorkerState state;
        WorkerStatus status;
        uint64_t leave_usec; /* in WORKER_LEAVING: when to go without an acknowledgement */

        /* Tasks in their order, a ring; the first one is the running one if run is set. */
        Task tasks[PTEST_TASKS_MAX];
        size_t first_task, n_tasks;
        Run *run;
        size_t n_kept_fds; /* in this poll */
} Worker;

/* Of the poll; those of a run follow. */
enum {
        FD_GATE,
        FD_SIGNAL,
        FD_CHANNEL,
        FD_RUN,
        FD_KEEP = FD_RUN + RUN_FDS_MAX, /* pipes of what set-ups left running */
        FD_KEEP_MAX = 128,
        FD_MAX = FD_KEEP + FD_KEEP_MAX,
};

static void worker_end(Worker *worker, WorkerStatus status) {
        if (worker->state == WORKER_ENDED)
                return;
        worker->state = WORKER_ENDED;
        worker->status = status;
}

static void worker_end_by_error(Worker *worker, WorkerStatus status, int error, const char *what) {
        log_error_errno(error,
                        "Worker %u.%u: failed to %s: %m",
                        worker->options->slot,
                        worker->options->generation,
                        what);
        worker_end(worker, status);
}

/* ---- Tasks ---- */

static Task *worker_get_task(Worker *worker, size_t i) {
        return &worker->tasks[(worker->first_task + i) % PTEST_TASKS_MAX];
}

static void task_done(Task *task) {
        test_free(task->test);
        strv_free(task->exports);
        *task = (Task){};
}

static void worker_drop_first_task(Worker *worker) {
        assert(worker->n_tasks > 0);
        task_done(worker_get_task(worker, 0));
        worker->first_task = (worker->first_task + 1) % PTEST_TASKS_MAX;
        worker->n_tasks--;
}

/* Removes the tasks that the predicate names, never the running one; notes their ids. */
static size_t worker_remove_tasks(
                Worker *worker, const uint64_t *ids, size_t n_ids, uint64_t *removed) {
        size_t kept = worker->run ? 1 : 0, n_removed = 0;

        for (size_t i = kept; i < worker->n_tasks; i++) {
                Task *task = worker_get_task(worker, i);
                bool wanted = false;

                for (size_t j = 0; j < n_ids && !wanted; j++)
                        wanted = ids[j] == task->id;
                if (wanted) {
                        removed[n_removed++] = task->id;
                        task_done(task);
                } else {
                        Task moved = *task;

                        *task = (Task){};
                        *worker_get_task(worker, kept++) = moved;
                }
        }
        worker->n_tasks = kept;
        return n_removed;
}

static void worker_drop_waiting_tasks(Worker *worker) {
        while (worker->n_tasks > (worker->run ? 1U : 0U)) {
                task_done(worker_get_task(worker, worker->n_tasks - 1));
                worker->n_tasks--;
        }
}

/* ---- Messages ---- */

static void worker_send(Worker *worker, const Message *message) {
        int r;

        r = outbox_send(&worker->outbox, message);
        if (r < 0)
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_CHANNEL,
                                r,
                                "tell the coordinator how a test went");
}

static void worker_on_tasks(Worker *worker, Message *message) {
        if (worker->state != WORKER_WORKING)
                return; /* sent before our stop was; they were not started, as bye says */

        if (message->tasks.n_items > PTEST_TASKS_MAX - worker->n_tasks) {
                worker_end_by_error(worker, WORKER_STATUS_PROTOCOL, -ENOBUFS, "take more tasks");
                return;
        }
        for (size_t i = 0; i < message->tasks.n_items; i++) {
                *worker_get_task(worker, worker->n_tasks++) = message->tasks.items[i];
                message->tasks.items[i].test = NULL;
                message->tasks.items[i].exports = NULL;
        }
}

static void worker_on_cancel(Worker *worker, const Message *message) {
        uint64_t removed[PTEST_TASKS_MAX];
        Message answer = { .kind = MESSAGE_CANCELLED, .cancel = { .ids = removed } };

        answer.cancel.n_ids = worker_remove_tasks(
                        worker, message->cancel.ids, message->cancel.n_ids, removed);
        worker_send(worker, &answer);
}

static void worker_on_stop(Worker *worker, const Message *message) {
        if (worker->state == WORKER_LEAVING) {
                worker_end(worker, WORKER_STATUS_GOOD);
                return;
        }
        worker_drop_waiting_tasks(worker);
        worker->state = WORKER_FINISHING;
        if (message->stop.now && worker->run)
                run_interrupt(worker->run);
}

static void worker_on_message(Worker *worker, Message *message) {
        switch (message->kind) {
        case MESSAGE_TASKS:
                worker_on_tasks(worker, message);
                return;
        case MESSAGE_CANCEL:
                worker_on_cancel(worker, message);
                return;
        case MESSAGE_STOP:
                worker_on_stop(worker, message);
                return;
        default:
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_PROTOCOL,
                                -EBADMSG,
                                "understand a message that only workers send");
        }
}

static void worker_receive(Worker *worker) {
        while (worker->state != WORKER_ENDED) {
                _cleanup_(message_freep) Message *message = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;
                int r;

                r = channel_worker_receive(worker->channel, &data, &size);
                if (r == -EAGAIN)
                        return;
                if (r < 0) {
                        worker_end_by_error(worker, WORKER_STATUS_CHANNEL, r, "receive tasks");
                        return;
                }
                r = message_unpack(data, size, PTEST_MESSAGE_SIZE_MAX, &message);
                if (r < 0) {
                        worker_end_by_error(
                                        worker, WORKER_STATUS_PROTOCOL, r, "understand a message");
                        return;
                }
                worker_on_message(worker, message);
        }
}

/* ---- Tests ---- */

static void worker_start_run(Worker *worker) {
        Task *task = worker_get_task(worker, 0);
        RunSpec spec = {
                .test = task->test,
                .exports = task->exports,
                .role = task->role,
                .instance = task->instance,
                .exports_path = task->role == PTEST_ROLE_SET_UP ? worker->exports_path : NULL,
        };
        int r;

        page_note_start(worker->page, task->id, clock_monotonic());
        r = run_start(worker->runner, &spec, &worker->run);
        if (r < 0) {
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "start a test");
                return;
        }
        page_note_leader(worker->page, run_get_pid(worker->run));
}

static void worker_finish_run(Worker *worker) {
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_strv_ char **exported = NULL;
        bool stuck = run_is_stuck(worker->run);
        Message message = {
                .kind = MESSAGE_FINISHED,
                .finished = { .id = worker_get_task(worker, 0)->id },
        };
        int r;

        r = run_finish(worker->run, &result, &exported);
        if (r < 0) {
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "judge a test");
                return;
        }
        worker->run = run_free(worker->run);
        message.finished.result = result;
        message.finished.exported = exported;
        worker_send(worker, &message);
        if (worker->state == WORKER_ENDED)
                return;

        page_note_end(worker->page);
        worker_drop_first_task(worker);
        if (stuck)
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_STUCK,
                                -EBUSY,
                                "end what a test left behind, so this worker makes room");
}

static void worker_begin_leave(Worker *worker) {
        worker->state = WORKER_LEAVING;
        worker->leave_usec = usec_add(clock_monotonic(), LEAVE_USEC);
        worker_send(worker, &(Message){ .kind = MESSAGE_BYE });
}

/* Goes on as far as it can without waiting: the next test is started at once after the one before. */
static void worker_advance(Worker *worker) {
        if (worker->run && run_has_ended(worker->run))
                worker_finish_run(worker);
        if (!worker->run && worker->state == WORKER_WORKING && worker->n_tasks > 0)
                worker_start_run(worker);
        if (!worker->run && worker->state == WORKER_FINISHING)
                worker_begin_leave(worker);
        if (worker->state == WORKER_LEAVING && clock_monotonic() >= worker->leave_usec)
                worker_end(worker, WORKER_STATUS_GOOD);
}

/* ---- The loop ---- */

static uint64_t worker_get_deadline(const Worker *worker) {
        if (worker->state == WORKER_LEAVING)
                return worker->leave_usec;
        if (!worker->run)
                return USEC_INFINITY;
        return run_has_ended(worker->run) ? 0 : run_get_deadline(worker->run);
}

static int worker_poll(Worker *worker, struct pollfd fds[static FD_MAX]) {
        uint64_t deadline = worker_get_deadline(worker), now, left;
        struct timespec timeout;

        fds[FD_GATE] = (struct pollfd){ .fd = worker->options->gate_fd, .events = POLLIN };
        fds[FD_SIGNAL] = (struct pollfd){ .fd = worker->options->signal_fd, .events = POLLIN };
        fds[FD_CHANNEL] = (struct pollfd){
                .fd = channel_worker_get_fd(worker->channel),
                .events = POLLIN,
        };
        for (size_t i = FD_RUN; i < FD_KEEP; i++)
                fds[i].fd = -1;
        if (worker->run)
                run_get_fds(worker->run, fds + FD_RUN);
        worker->n_kept_fds = keep_get_fds(
                        runner_get_keep(worker->runner), fds + FD_KEEP, FD_KEEP_MAX);

        now = deadline == USEC_INFINITY ? 0 : clock_monotonic();
        left = deadline > now ? deadline - now : 0;
        timeout = (struct timespec){
                .tv_sec = (time_t)(left / USEC_PER_SEC),
                .tv_nsec = (long)(left % USEC_PER_SEC * 1000),
        };
        if (ppoll(fds,
                  FD_KEEP + worker->n_kept_fds,
                  deadline == USEC_INFINITY ? NULL : &timeout,
                  NULL) < 0)
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
        /* Before the run, which may change what is kept. */
        keep_dispatch(runner_get_keep(worker->runner), fds + FD_KEEP, worker->n_kept_fds);
        if (worker->run && worker->state != WORKER_ENDED) {
                r = run_dispatch(worker->run, fds + FD_RUN);
                if (r < 0)
                        worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "run a test");
        }
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
                      "%s/x%ug%u",
                      options->directory,
                      options->slot,
                      options->generation);
        if (r < 0)
                return r;
        r = runner_new(options->environment, &worker->runner);
        if (r < 0)
                return r;
        r = runner_contain(worker->runner, options->slot, options->generation);
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
        if (worker.status != WORKER_STATUS_GOOD || !keep_is_empty(runner_get_keep(worker.runner)))
                (void)runner_kill_all(worker.runner);
        return worker.status;
}
