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
#include "worker/found.h"
#include "worker/growth.h"
#include "worker/keep.h"
#include "worker/leak.h"
#include "worker/modules.h"
#include "worker/outbox.h"
#include "worker/page.h"
#include "worker/run.h"
#include "worker/tasks.h"

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
        Modules *modules;
        PtestPage *page;
        char *exports_path; /* where set-ups write theirs */
        char *found_path;   /* and tests what they find */

        WorkerState state;
        WorkerStatus status;
        uint64_t leave_usec; /* in WORKER_LEAVING: when to go without an acknowledgement */

        Tasks tasks;
        Run *run;    /* of the first task */
        Found found; /* by the first task, so far */

        unsigned n_tests; /* that have ended */
        Growth growth;    /* our own */
        bool exhausted;   /* to be spent as soon as nothing runs */
        bool spent;       /* it was said */

        size_t n_kept_fds, n_module_fds; /* in this poll */
} Worker;

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

static void worker_flush(Worker *worker) {
        int r;

        if (worker->state == WORKER_ENDED)
                return;
        r = outbox_flush(&worker->outbox);
        if (r < 0)
                worker_end_by_error(worker, WORKER_STATUS_CHANNEL, r, "reach the coordinator");
}

/* Those that come when it is spent were sent before that was known. */
static void worker_on_tasks(Worker *worker, Message *message) {
        if (worker->state != WORKER_WORKING)
                return; /* sent before our stop was; they were not started, as bye says */

        for (size_t i = 0; i < message->tasks.n_items; i++)
                if (tasks_add(&worker->tasks, &message->tasks.items[i]) < 0) {
                        worker_end_by_error(
                                        worker,
                                        WORKER_STATUS_PROTOCOL,
                                        -ENOBUFS,
                                        "take more tasks");
                        return;
                }
        if (worker->spent)
                tasks_drop_but_tear_downs(&worker->tasks);
}

/* What a module's host has not begun waits here again. */
static void worker_withdraw(Worker *worker) {
        Tasks *tasks = &worker->tasks;

        for (size_t n = modules_withdraw(worker->modules); n > 0; n--)
                page_undo_start(worker->page, tasks_get(tasks, --tasks->n_begun)->id);
}

static void worker_on_cancel(Worker *worker, const Message *message) {
        uint64_t removed[PTEST_TASKS_MAX];
        Message answer = { .kind = MESSAGE_CANCELLED, .cancel = { .ids = removed } };

        worker_withdraw(worker);
        answer.cancel.n_ids = tasks_remove(
                        &worker->tasks, message->cancel.ids, message->cancel.n_ids, removed);
        worker_send(worker, &answer);
}

static void worker_on_stop(Worker *worker, const Message *message) {
        if (worker->state == WORKER_LEAVING) {
                worker_end(worker, WORKER_STATUS_GOOD);
                return;
        }
        worker_withdraw(worker);
        tasks_drop_waiting(&worker->tasks);
        worker->state = WORKER_FINISHING;
        if (!message->stop.now)
                return;
        if (worker->run)
                run_interrupt(worker->run);
        modules_interrupt(worker->modules);
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

/* ---- Results ---- */

/*
 * Nothing may be started after a result that says so; nor may anything run then, be it because its host was faster. It
 * is said once, and of a tear-down that did not end: the worker may be ended then.
 */
static bool worker_is_spent_with(
                Worker *worker, const Task *task, const Result *result, bool unfit) {
        const unsigned recycle_after = worker->options->recycle_after;

        if (worker->spent)
                return unfit && result->outcome == PTEST_OUTCOME_TIMEOUT;
        if (task->role == PTEST_ROLE_TEST)
                worker->n_tests++;
        if (unfit || (recycle_after > 0 && worker->n_tests >= recycle_after))
                worker->exhausted = true;
        if (!worker->exhausted)
                return false;
        worker_withdraw(worker);
        return modules_count_pending(worker->modules) == 0;
}

/* A test may well need memory that it gives back: what it was before any of them ran says nothing. */
static void worker_look_at_memory(Worker *worker) {
        if (worker->options->recycle_memory == SIZE_INFINITY)
                return;
        if (!growth_has_begun(&worker->growth, getpid())) {
                if (worker->n_tests > 0)
                        growth_begin(&worker->growth, getpid());
                return;
        }
        if (growth_look(&worker->growth) + modules_get_growth(worker->modules) >=
            worker->options->recycle_memory)
                worker->exhausted = true;
}

/* The result of the first task. Takes nothing. */
static void worker_say_result(Worker *worker, Result *result, char **exported, bool unfit) {
        const Task *task = tasks_get(&worker->tasks, 0);
        const uint64_t timeout = task->test->timeout_usec;
        Message message = {
                .kind = MESSAGE_FINISHED,
                .finished = {.id = task->id, .exported = exported, .result = result},
        };
        int r;

        if (timeout != USEC_INFINITY && result->duration_usec > timeout / 2)
                result->marks |= PTEST_MARK_SLOW;
        message.finished.spent = worker_is_spent_with(worker, task, result, unfit);
        r = outbox_send_found(&worker->outbox, task->id, &worker->found);
        if (r < 0) {
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_CHANNEL,
                                r,
                                "tell the coordinator what a test found");
                return;
        }
        worker_send(worker, &message);
        tasks_drop_first(&worker->tasks);
        if (!message.finished.spent)
                return;
        worker->spent = true;
        tasks_drop_but_tear_downs(&worker->tasks);
}

/* ---- Tests that are programs ---- */

static void worker_start_run(Worker *worker) {
        Task *task = tasks_get(&worker->tasks, 0);
        RunSpec spec = {
                .test = task->test,
                .exports = task->exports,
                .role = task->role,
                .instance = task->instance,
                .exports_path = task->role == PTEST_ROLE_SET_UP ? worker->exports_path : NULL,
                .found_path = task->role == PTEST_ROLE_TEST && task->test->finds ?
                                worker->found_path :
                                NULL,
        };
        int r;

        worker->tasks.n_begun = 1;
        page_note_start(worker->page, task->id, clock_monotonic());
        r = run_start(worker->runner, &spec, &worker->run);
        if (r < 0) {
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "start a test");
                return;
        }
        page_note_leader(worker->page, run_get_pid(worker->run));
}

static bool outcome_can_become_error(Outcome outcome) {
        switch (outcome) {
        case PTEST_OUTCOME_PASS:
        case PTEST_OUTCOME_FAIL:
        case PTEST_OUTCOME_SKIP:
        case PTEST_OUTCOME_XFAIL:
        case PTEST_OUTCOME_XPASS:
                return true;
        default:
                return false;
        }
}

/* A line that cannot be understood is a test that nobody would miss otherwise. */
static int worker_read_found(Worker *worker, Result *result) {
        _cleanup_free_ char *problem = NULL;
        int r;

        if (!tasks_get(&worker->tasks, 0)->test->finds)
                return 0;
        r = found_read(&worker->found, worker->found_path, &problem);
        if (r < 0 || !problem || !outcome_can_become_error(result->outcome))
                return r;
        result->outcome = PTEST_OUTCOME_ERROR;
        return result_set_reason(result, "%s", problem);
}

static void worker_finish_run(Worker *worker) {
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_strv_ char **exported = NULL;
        bool stuck = run_is_stuck(worker->run);
        int r;

        r = run_finish(worker->run, &result, &exported);
        if (r >= 0)
                r = worker_read_found(worker, result);
        if (r < 0) {
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "judge a test");
                return;
        }
        worker->run = run_free(worker->run);
        worker_look_at_memory(worker);
        worker_say_result(worker, result, exported, false);
        worker_flush(worker);
        if (worker->state == WORKER_ENDED)
                return;

        page_note_end(worker->page);
        if (stuck)
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_STUCK,
                                -EBUSY,
                                "end what a test left behind, so this worker makes room");
}

/* ---- Tests of modules ---- */

static int worker_on_module_found(uint64_t id, const char *name, void *userdata) {
        Worker *worker = userdata;
        int r;

        r = found_add(&worker->found, name);
        if (r < 0 || worker->found.n_items < PTEST_FOUND_MAX)
                return r;
        return outbox_send_found(&worker->outbox, id, &worker->found);
}

static int worker_on_module_finished(ModulesResult *finished, void *userdata) {
        Worker *worker = userdata;

        /* They come in the order in which they were submitted: anything else is our own mistake. */
        assert(worker->tasks.n_begun > 0);
        assert(task->id == finished->id);
        if (task->role == PTEST_ROLE_TEST) {
                r = leaks_judge((LeakPolicy)task->test->limits.leaks, finished->result);
                if (r < 0)
                        return r;
        }
        if (finished->unstarted)
                page_note_unstarted(worker->page, finished->id);
        worker_say_result(worker, finished->result, finished->exported, finished->unfit);
        page_note_sent(worker->page);
        return 0;
}

/* As many as may run before somebody has to look at them. */
static bool worker_may_submit(const Worker *worker, const Task *task) {
        const WorkerOptions *options = worker->options;

        if (task->role != PTEST_ROLE_TEST)
                return true;
        if (options->recycle_after > 0 &&
            worker->n_tests + worker->tasks.n_begun >= options->recycle_after)
                return false;
        return options->recycle_memory == SIZE_INFINITY || worker->tasks.n_begun == 0 ||
                        modules_growth_has_begun(worker->modules);
}

/* Gives the next task to a module's host. False: it has to wait */
static bool worker_submit(Worker *worker) {
        const Task *task = tasks_get(&worker->tasks, worker->tasks.n_begun);
        int r;

        if (!worker_may_submit(worker, task))
                return false;
        /* It may have its answer before this returns. */
        worker->tasks.n_begun++;
        r = modules_submit(worker->modules, task);
        if (r >= 0)
                return worker->state != WORKER_ENDED;
        worker->tasks.n_begun--;
        if (r != -EAGAIN)
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "start a test of a module");
        return false;
}

static void worker_dispatch_modules(Worker *worker, const struct pollfd *fds, size_t n_fds) {
        int r;

        if (worker->state == WORKER_ENDED)
                return;
        /* Before the results are taken: then there is one to say it with. */
        if (modules_count_pending(worker->modules) > 0) {
                worker_look_at_memory(worker);
                if (worker->exhausted && !worker->spent)
                        worker_withdraw(worker);
        }
        r = modules_dispatch(worker->modules, fds, n_fds);
        if (r < 0)
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "run tests of a module");
}

/* ---- What is next ---- */

static bool task_is_of_module(const Task *task) {
        return task->test->protocol == TEST_PROTOCOL_MODULE && strv_length(task->test->argv) >= 2;
}

/* Programs run one by one, tests of a module are with its host, many at once; never both. */
static void worker_start_tasks(Worker *worker) {
        Tasks *tasks = &worker->tasks;
        bool submitted = false;

        while (!worker->run && worker->state == WORKER_WORKING && tasks->n_begun < tasks->n_items) {
                if (worker->exhausted && !worker->spent && tasks->n_begun > 0)
                        break;
                if (task_is_of_module(tasks_get(tasks, tasks->n_begun))) {
                        if (!worker_submit(worker))
                                break;
                        submitted = true;
                } else if (tasks->n_begun == 0 && modules_are_quiet(worker->modules))
                        worker_start_run(worker);
                else
                        break;
        }
        if (submitted)
                worker_dispatch_modules(worker, NULL, 0);
}

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
        worker_start_tasks(worker);
        if (worker->state == WORKER_FINISHING)
                worker_finish(worker);
        if (worker->state == WORKER_LEAVING && clock_monotonic() >= worker->leave_usec)
                worker_end(worker, WORKER_STATUS_GOOD);
        worker_flush(worker);
}

/* ---- The loop ---- */

static uint64_t worker_get_deadline(const Worker *worker) {
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
        const size_t n_fds = worker_get_fds(worker, fds);
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

static int worker_open_modules(Worker *worker) {
        return modules_new(
                        &(ModulesOptions){
                                        .environment = worker->options->environment,
                                        .worker_set_up = worker->options->worker_set_up,
                                        .exports_path = worker->exports_path,
                                        .page_fd = worker->options->page_fd,
                                        .page = worker->page,
                                        .keep = runner_get_keep(worker->runner),
                                        .oom = runner_get_oom(worker->runner),
                                        .on_found = worker_on_module_found,
                                        .on_finished = worker_on_module_finished,
                                        .userdata = worker,
                        },
                        &worker->modules);
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
        r = runner_contain(
                        worker->runner, options->slot, options->generation, options->kernel_log_fd);
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
