/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a worker carries out its tasks: programs one by one, tests of modules many at a time, and what it says of them
 */

#include "worker/worker-internal.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/strv.h"
#include "worker/leak.h"
#include "worker/module-crash.h"
#include "worker/page.h"

/* ---- Results ---- */

void worker_withdraw(Worker *worker) {
        Tasks *tasks = &worker->tasks;

        for (size_t n = modules_withdraw(worker->modules); n > 0; n--)
                page_undo_start(worker->page, tasks_get(tasks, --tasks->n_begun)->id);
}

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

/* The coordinator says what comes next, or that nothing does. */
static void worker_hand_back(Worker *worker) {
        uint64_t ids[PTEST_TASKS_MAX];
        Message message = { .kind = MESSAGE_CANCELLED, .cancel = { .ids = ids } };

        worker_withdraw(worker);
        message.cancel.n_ids = tasks_take_waiting(&worker->tasks, ids);
        if (message.cancel.n_ids > 0)
                worker_send(worker, &message);
}

/* The result of the first task. Takes nothing. */
static void worker_say_result(Worker *worker, Result *result, char **exported, bool unfit) {
        const Task *task = tasks_get(&worker->tasks, 0);
        const uint64_t timeout = task->test->timeout_usec;
        /* Not all that a program wrote may be such as to become a test: that is for the coordinator to judge. */
        const bool found = task->test->finds && worker->found.n_items > 0;
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
        if (message.finished.spent) {
                worker->spent = true;
                tasks_drop_but_tear_downs(&worker->tasks);
        } else if (worker->options->hands_back && (found || outcome_is_bad(result->outcome)))
                worker_hand_back(worker);
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
        page_note_start(worker->page, task->id, clock_machine());
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

void worker_finish_run(Worker *worker) {
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

/* The suite expects it to fail, where its module does not say so itself. */
static int worker_expect_failure(Result *result) {
        if (result->outcome == PTEST_OUTCOME_XFAIL || result->outcome == PTEST_OUTCOME_XPASS)
                return 0;
        return module_outcome_expect_failure(&result->outcome, NULL, &result->reason);
}

static int worker_on_module_finished(ModulesResult *finished, void *userdata) {
        Worker *worker = userdata;
        const Task *task = tasks_get(&worker->tasks, 0);
        int r;

        /* They come in the order in which they were submitted: anything else is our own mistake. */
        assert(worker->tasks.n_begun > 0);
        assert(task->id == finished->id);
        if (task->role == PTEST_ROLE_TEST) {
                /* Who ran out of time was not left any to clean up: that is no leak, as of a program. */
                const bool had_time = finished->result->outcome != PTEST_OUTCOME_TIMEOUT;

                r = leaks_judge(had_time ? (LeakPolicy)task->test->limits.leaks : LEAKS_IGNORE,
                                finished->result);
                if (r >= 0 && task->test->should_fail)
                        r = worker_expect_failure(finished->result);
                if (r < 0)
                        return r;
        }
        if (finished->unstarted)
                page_note_unstarted(worker->page, finished->id);
        /* Now, while there is a result to say it with: a worker that is spent and has none would wait for ever. */
        worker_look_at_memory(worker);
        worker_say_result(worker, finished->result, finished->exported, finished->unfit);
        page_note_sent(worker->page);
        return 0;
}

int worker_open_modules(Worker *worker) {
        return modules_new(
                        &(ModulesOptions){
                                        .environment = worker->options->environment,
                                        .worker_set_up = worker->options->worker_set_up,
                                        .exports_path = worker->exports_path,
                                        .stops_at_bad = worker->options->hands_back,
                                        .page_fd = worker->options->page_fd,
                                        .page = worker->page,
                                        .keep = runner_get_keep(worker->runner),
                                        .oom = runner_get_oom(worker->runner),
                                        .tree = runner_get_tree(worker->runner),
                                        .on_found = worker_on_module_found,
                                        .on_finished = worker_on_module_finished,
                                        .userdata = worker,
                        },
                        &worker->modules);
}

/* Its outcome may be bad although its host takes it for good. */
static bool task_is_judged_here(const Task *task) {
        return task->test->should_fail || task->test->limits.leaks == LEAKS_FAIL;
}

/*
 * As many as may run before somebody has to look at them. A module's host goes through all that it was
 * given, however long the worker takes to read its answers: where memory counts it gets one at a time, and so where it
 * cannot know that nothing is to follow.
 */
static bool worker_may_submit(Worker *worker, const Task *task) {
        const WorkerOptions *options = worker->options;

        if (task->role != PTEST_ROLE_TEST)
                return true;
        if (options->recycle_after > 0 &&
            worker->n_tests + worker->tasks.n_begun >= options->recycle_after)
                return false;
        if (worker->tasks.n_begun == 0)
                return true;
        if (options->hands_back &&
            (task_is_judged_here(task) ||
             task_is_judged_here(tasks_get(&worker->tasks, worker->tasks.n_begun - 1))))
                return false;
        return options->recycle_memory == SIZE_INFINITY;
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

void worker_dispatch_modules(Worker *worker, const struct pollfd *fds, size_t n_fds) {
        int r;

        if (worker->state == WORKER_ENDED)
                return;
        r = modules_dispatch(worker->modules, fds, n_fds);
        if (r < 0)
                worker_end_by_error(worker, WORKER_STATUS_MACHINE, r, "run tests of a module");
}

/* ---- What is next ---- */

static bool task_is_of_module(const Task *task) {
        return task->test->protocol == TEST_PROTOCOL_MODULE && strv_length(task->test->argv) >= 2;
}

/* Programs run one by one, tests of a module are with its host, many at once; never both. */
void worker_start_tasks(Worker *worker) {
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
