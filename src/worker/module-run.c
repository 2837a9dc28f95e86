/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-run.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/text.h"
#include "model/test.h"
#include "worker/module-crash.h"
#include "worker/module-fixture.h"
#include "worker/module-report.h"
#include "worker/module-step.h"
#include "worker/page.h"

/* A module's constructors and its worker's set-up */
#define LOAD_TIMEOUT_USEC (60 * USEC_PER_SEC)

int module_runner_on_found(const PtestTest *test, const char *argument, void *userdata) {
        _cleanup_free_ char *name = NULL;
        ModuleRunner *runner = userdata;
        ModuleReport report = {
                .head = {.id = runner->id, .kind = MODULE_RESULT_FOUND}
        };
        int r;

        /* There is a test that brings forth others, and no context: that may be set up more than once. */
        if (atomic_load(&runner->area->current.phase) != MODULE_PHASE_TEST)
                return -EPERM;
        r = module_make_name(runner->module, test, argument, &name);
        if (r < 0)
                return r;
        report.name = name;
        return module_report_send(runner, &report);
}

int module_runner_tear_down_all(ModuleRunner *runner) {
        return module_contexts_tear_down(runner, NULL);
}

void module_runner_note_crash(ModuleRunner *runner) {
        runner->leaving = true;
        if (runner->crash_signal == 0)
                runner->crash_signal = step_get_crash()->signal;
}

/* ---- A test's body ---- */

typedef struct Body {
        const ModuleCase *value;
        PtestCall call;
} Body;

static void body_call(void *userdata) {
        const Body *body = userdata;

        body->value->test->run(&body->call);
}

static bool step_has_verdict(void) {
        const char *reason;
        Outcome outcome;

        return step_get_verdict(&outcome, &reason);
}

static StepEnd each_call(const ModuleContext *context, PtestFunction function) {
        ModuleFixture call = { .context = context->context, .function = function };

        return function ? step_call(module_fixture_call, &call) : STEP_RETURNED;
}

/*
 * What is before each test, those of outer contexts first, the test, and what is after it for each of them that
 * was good. Its worst end: what was interrupted or crashed first is what the test came to.
 */
static StepEnd body_run(Body *body, const ModuleContext *context) {
        const ModuleContext *chain[MODULE_DEPTH_MAX + 1];
        size_t n = context ? context->depth + 1 : 0, n_good = 0;
        StepEnd end = STEP_RETURNED;

        for (size_t i = n; i-- > 0; context = context->parent)
                chain[i] = context;
        for (; n_good < n; n_good++) {
                end = each_call(chain[n_good], chain[n_good]->context->options.before_each);
                if (step_end_is_bad(end) || step_has_verdict())
                        break;
        }
        if (n_good == n)
                end = step_call(body_call, body);
        while (n_good-- > 0) {
                StepEnd after = each_call(
                                chain[n_good], chain[n_good]->context->options.after_each);

                if (!step_end_is_bad(end))
                        end = after;
        }
        return end;
}

/* ---- In a child ---- */

typedef struct Child {
        bool interrupted;
        int code, status; /* of waitid() */
} Child;

static void __attribute__((noreturn))
child_run(ModuleRunner *runner, Body *body, const ModuleContext *context) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        step_continue_in_child();
        (void)body_run(body, context);
        atomic_store(&runner->area->current.body_done, 1);
        (void)fflush(stdout);
        _exit(EXIT_SUCCESS);
}

static int poll_timeout(uint64_t usec) {
        return usec == USEC_INFINITY ? -1 : (int)MIN(usec / USEC_PER_MSEC + 1, (uint64_t)INT32_MAX);
}

/* Of the worker, for its report, or one that does not care. */
#define LOOK_MAX_USEC ((uint64_t)PTEST_STUCK_REPORT_MAX + USEC_PER_SEC)
#define LOOK_TICK_MS  5

/* Before the child is interrupted the worker sees what it is doing. False: it ended meanwhile. */
static bool child_wait_for_look(ModuleRunner *runner, struct pollfd *poll_fd) {
        ModuleCurrent *current = &runner->area->current;
        const uint64_t sequence = atomic_load(&current->sequence);
        const uint64_t end = usec_add(clock_monotonic(), LOOK_MAX_USEC);

        atomic_store(&current->look_wanted, sequence);
        while (atomic_load(&current->looked) != sequence && clock_monotonic() < end)
                if (poll(poll_fd, 1, LOOK_TICK_MS) != 0)
                        return false;
        return true;
}

/* The worker lets go of whatever is there then: nothing of the next test must be, which may have stopped itself. */
static void child_wait_for_release(const ModuleRunner *runner) {
        const ModuleCurrent *current = &runner->area->current;
        const uint64_t sequence = atomic_load(&current->sequence);
        const uint64_t end = usec_add(clock_monotonic(), LOOK_MAX_USEC);

        while (atomic_load(&current->held) == sequence && clock_monotonic() < end)
                (void)poll(NULL, 0, LOOK_TICK_MS);
}

/* Until its end, which comes at the latest after its time limit, its report and the grace. */
static int child_wait(
                ModuleRunner *runner,
                pid_t pid,
                uint64_t timeout_usec,
                uint64_t grace_usec,
                Child *ret) {
        _cleanup_close_ int fd = -1;
        struct pollfd poll_fd = { .events = POLLIN };
        siginfo_t info = {};
        int r;

        r = process_open(pid, &fd);
        if (r < 0) {
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, __WALL);
                return r;
        }
        poll_fd.fd = fd;
        if (poll(&poll_fd, 1, poll_timeout(timeout_usec)) == 0 &&
            child_wait_for_look(runner, &poll_fd)) {
                ret->interrupted = true;
                atomic_store(&runner->area->current.interrupt,
                             atomic_load(&runner->area->current.sequence));
                (void)syscall(SYS_tgkill, pid, pid, MODULE_SIGNAL);
                /* Now, and not before, those that are held may go on. */
                atomic_store(&runner->area->current.look_wanted, 0);
                if (poll(&poll_fd, 1, poll_timeout(grace_usec)) == 0)
                        (void)kill(pid, SIGKILL);
        }
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0)
                return -errno;
        if (ret->interrupted)
                child_wait_for_release(runner);
        ret->code = info.si_code == CLD_DUMPED ? CLD_KILLED : info.si_code;
        ret->status = info.si_status;
        return 0;
}

static int child_start(
                ModuleRunner *runner,
                Body *body,
                const ModuleContext *context,
                uint64_t timeout_usec,
                uint64_t grace_usec,
                Child *ret) {
        pid_t pid;

        (void)fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_run(runner, body, context);
        return child_wait(runner, pid, timeout_usec, grace_usec, ret);
}

/* ---- Judging ---- */

/* What a test in a child of its own came to if no assertion said anything. */
static int child_judge(
                const ModuleRunner *runner,
                const PtestOptions *options,
                const Child *child,
                ModuleReport *report,
                Outcome *outcome) {
        const bool returned = atomic_load(&runner->area->current.body_done) != 0 &&
                        child->code == CLD_EXITED && child->status == 0;

        const bool wants_exit = options->expect_exit_ > 0;

        if (returned && !options->expect_signal && !wants_exit)
                return 0;
        if (!returned && child->code == CLD_EXITED) {
                report->head.exit_status = child->status;
                if (options->expect_exit_ == child->status + 1 ||
                    (options->expect_exit_ == PTEST_EXIT_OR_RETURN_ && child->status == 0))
                        return 0;
        }
        if (child->code == CLD_KILLED) {
                report->head.signal = child->status;
                if (options->expect_signal == child->status)
                        return 0;
        }
        if (options->expect_signal || wants_exit) {
                _cleanup_free_ char *was = NULL;

                if (!returned) {
                        int r = module_crash_describe(
                                        &runner->area->crash, child->code, child->status, &was);

                        if (r < 0)
                                return r;
                }
                *outcome = PTEST_OUTCOME_FAIL;
                return options->expect_signal ? text_setf(&report->reason,
                                                          "should end by %s, but %s",
                                                          signal_to_name(options->expect_signal),
                                                          was ?: "returned") :
                                                text_setf(&report->reason,
                                                          "should end with exit status %d, but %s",
                                                          options->expect_exit_ - 1,
                                                          was ?: "returned");
        }
        *outcome = child->code == CLD_KILLED ? PTEST_OUTCOME_CRASH : PTEST_OUTCOME_ERROR;
        return module_crash_describe(
                        &runner->area->crash, child->code, child->status, &report->reason);
}

static int test_judge(
                ModuleRunner *runner,
                const PtestOptions *options,
                uint64_t timeout_usec,
                const Child *child,
                StepEnd end,
                ModuleReport *report) {
        Outcome outcome = PTEST_OUTCOME_PASS;
        const char *verdict = NULL;
        int r = 0;

        if (end == STEP_INTERRUPTED) {
                outcome = PTEST_OUTCOME_TIMEOUT;
                r = module_timeout_describe(timeout_usec, &report->reason);
        } else if (end == STEP_CRASHED) {
                outcome = PTEST_OUTCOME_CRASH;
                report->head.signal = step_get_crash()->signal;
                r = module_report_describe_crash(report);
        } else if (step_get_verdict(&outcome, &verdict)) {
                report->reason = strdup(verdict);
                r = report->reason ? 0 : -ENOMEM;
        } else if (child)
                r = child_judge(runner, options, child, report, &outcome);
        if (r >= 0 && options->should_fail)
                r = module_outcome_expect_failure(&outcome, options->should_fail, &report->reason);
        report->head.outcome = outcome;
        return r;
}

/* ---- Tests ---- */

static bool test_wants_child(const PtestOptions *options, bool isolate) {
        if (options->expect_signal || options->expect_exit_)
                return true;
        return options->isolation == PTEST_ISOLATION_DEFAULT ?
                        isolate :
                        options->isolation == PTEST_ISOLATION_PROCESS;
}

static int test_run(
                ModuleRunner *runner,
                const ModuleRequestRecord *request,
                const ModuleCase *value,
                const char *argument,
                ModuleReport *report) {
        const PtestOptions *options = &value->test->options;
        const bool isolated = test_wants_child(options, request->isolate);
        const uint64_t timeout_usec = request->timeout_usec > 0 ?
                        request->timeout_usec :
                        module_usec_from_timeout(options->timeout_ms);
        Body body = {
                .value = value,
                .call = {.size = sizeof(PtestCall),
                         .index = value->index,
                         .value = value->test->first + (int64_t)value->index,
                         .arg = argument,
                         .test = value->test}
        };
        Child child = {};
        StepEnd end = STEP_RETURNED;
        int r = 0;

        /* The worker must not interrupt a host that waits for a child: that has its own limit. */
        module_report_begin(
                        runner,
                        MODULE_PHASE_TEST,
                        isolated ? usec_add(usec_add(timeout_usec, request->grace_usec),
                                            10 * USEC_PER_SEC) :
                                   timeout_usec,
                        NULL,
                        report);
        atomic_store(&runner->area->current.should_fail, options->should_fail != NULL);

        const ModuleMeter meter = module_meter_start(isolated ? RUSAGE_CHILDREN : RUSAGE_SELF);

        if (isolated)
                r = child_start(runner,
                                &body,
                                value->context,
                                timeout_usec,
                                request->grace_usec,
                                &child);
        else
                end = body_run(&body, value->context);
        if (r < 0)
                return r;
        if (child.interrupted)
                end = STEP_INTERRUPTED;
        module_meter_stop(&meter, &report->head);
        r = test_judge(runner, options, timeout_usec, isolated ? &child : NULL, end, report);
        if (r < 0)
                return r;
        r = module_report_look(runner, report);
        if (r < 0)
                return r;
        if (isolated) {
                if (report->dirty)
                        module_state_kill_children(runner->state);
        } else if (end == STEP_CRASHED) {
                /* It could not clean up, and nobody comes after it. */
                free(report->dirty);
                report->dirty = NULL;
                module_runner_note_crash(runner);
        } else if (end == STEP_INTERRUPTED || report->dirty)
                runner->leaving = true;
        return module_report_end(runner, report);
}

/* It cannot be run: said without a step. */
static int test_refuse(
                ModuleRunner *runner, ModuleReport *report, Outcome outcome, const char *reason) {
        report->reason = strdup(reason);
        if (!report->reason)
                return -ENOMEM;
        report->head.outcome = outcome;
        report->head.exit_status = -1;
        report->head.out_start = report->head.out_end = runner->out_size;
        report->head.err_start = report->head.err_end = runner->err_size;
        report->head.leaving = runner->leaving;
        return module_report_send(runner, report);
}

static int test_handle(ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        _cleanup_(module_report_done) ModuleReport report = { .name = name };
        const ModuleContext *failed = NULL;
        const char *argument = NULL;
        const ModuleCase *value;
        int r;

        report.head.id = request->id;
        report.head.kind = MODULE_RESULT_TEST;
        value = module_find_case(runner->module, name, &argument);
        if (!value)
                return test_refuse(
                                runner,
                                &report,
                                PTEST_OUTCOME_ERROR,
                                "the module has no test of this name");
        r = module_contexts_raise(runner, value->context, false, &failed);
        if (r < 0)
                return r;
        if (r > 0)
                return test_refuse(runner, &report, failed->outcome, failed->reason);
        return test_run(runner, request, value, argument, &report);
}

static int context_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        _cleanup_(module_report_done) ModuleReport report = { .name = name };
        ModuleContext *context = name[0] ? module_find_context(runner->module, name) : NULL;
        const ModuleContext *failed = NULL;
        int r;

        report.head.id = request->id;
        report.head.kind = MODULE_RESULT_DONE;
        if (name[0] && !context)
                return test_refuse(
                                runner,
                                &report,
                                PTEST_OUTCOME_ERROR,
                                "the module has no context of this name");
        if (request->op == MODULE_OP_TEAR_DOWN)
                r = module_contexts_tear_down(runner, context);
        else
                r = module_contexts_raise(runner, context, true, &failed);
        if (r < 0)
                return r;
        return test_refuse(
                        runner,
                        &report,
                        failed ? failed->outcome : PTEST_OUTCOME_PASS,
                        failed ? failed->reason : "");
}

/* Of the tests of a context: what its set-up has exported is in their environment, in its own process too. */
static int export_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *assignment) {
        _cleanup_(module_report_done) ModuleReport report = { .name = "" };
        const char *equals = strchr(assignment, '=');
        _cleanup_free_ char *name = equals ? strndup(assignment, (size_t)(equals - assignment)) :
                                             strdup(assignment);
        int r;

        if (!name)
                return -ENOMEM;
        if ((equals ? setenv(name, equals + 1, 1) : unsetenv(name)) < 0)
                return -errno;
        r = module_state_take(runner->state);
        if (r < 0)
                return r;
        report.head.id = request->id;
        report.head.kind = MODULE_RESULT_DONE;
        return test_refuse(runner, &report, PTEST_OUTCOME_PASS, "");
}

static int request_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        switch (request->op) {
        case MODULE_OP_TEST:
                return test_handle(runner, request, name);
        case MODULE_OP_EXPORT:
                return export_handle(runner, request, name);
        default:
                return context_handle(runner, request, name);
        }
}

int module_runner_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        const bool noted = runner->page && request->id > 0;
        int r;

        runner->id = request->id;
        if (noted)
                page_note_start(runner->page, request->id, clock_machine());
        if (request->data_max != runner->data_max) {
                module_state_limit_data(runner->state, request->data_max);
                runner->data_max = request->data_max;
        }
        r = request_handle(runner, request, name);
        if (noted)
                page_note_idle(runner->page);
        return r;
}

/* ---- Loading ---- */

/* A module's PTEST_WORKER_SET_UP. -ELIBBAD: it was not good; *ret_outcome and the reason say why */
static int hook_run(
                const PtestModule *module,
                const char *who,
                Outcome *ret_outcome,
                ModuleReport *report) {
        ModuleFixture call = { .function = module->worker_set_up };
        _cleanup_free_ char *why = NULL;
        const char *verdict = NULL;
        StepEnd end;
        int r;

        end = step_call(module_fixture_call, &call);
        if (end == STEP_INTERRUPTED) {
                *ret_outcome = PTEST_OUTCOME_TIMEOUT;
                r = module_timeout_describe(LOAD_TIMEOUT_USEC, &why);
        } else if (end == STEP_CRASHED) {
                *ret_outcome = PTEST_OUTCOME_CRASH;
                r = module_report_describe_crash(report);
                why = TAKE_PTR(report->reason);
        } else if (step_get_verdict(ret_outcome, &verdict)) {
                why = strdup(verdict);
                r = why ? 0 : -ENOMEM;
        } else
                return 0;
        if (r >= 0)
                r = text_setf(&report->reason, "set-up of the worker%s failed: %s", who, why);
        return r < 0 ? r : -ELIBBAD;
}

/* What is said of it first, then the module with its own. */
static int modules_load(
                ModuleRunner *runner,
                const char *path,
                const char *worker_set_up,
                Outcome *ret_outcome,
                ModuleReport *report) {
        const PtestModule *first = NULL;
        int r;

        if (worker_set_up) {
                _cleanup_free_ char *who = NULL;

                if (asprintf(&who, " by %s", worker_set_up) < 0) {
                        who = NULL;
                        return -ENOMEM;
                }
                r = module_load_worker_set_up(
                                worker_set_up, step_get_runner(), &first, &report->reason);
                if (r >= 0)
                        r = hook_run(first, who, ret_outcome, report);
                if (r < 0)
                        return r;
        }
        r = module_load(path, step_get_runner(), &runner->module, &report->reason);
        if (r < 0)
                return r;
        if (!module_get(runner->module)->worker_set_up || module_get(runner->module) == first)
                return 0;
        return hook_run(module_get(runner->module), "", ret_outcome, report);
}

int module_runner_load(ModuleRunner *runner, const char *path, const char *worker_set_up) {
        _cleanup_(module_report_done) ModuleReport report = { .name = path };
        Outcome outcome = PTEST_OUTCOME_ERROR;
        int r;

        report.head.kind = MODULE_RESULT_LOAD;
        module_report_begin(runner, MODULE_PHASE_LOAD, LOAD_TIMEOUT_USEC, NULL, &report);
        r = modules_load(runner, path, worker_set_up, &outcome, &report);
        if (r >= 0)
                outcome = PTEST_OUTCOME_PASS;
        else if (r != -ELIBBAD)
                return r;
        r = module_report_look(runner, &report);
        if (r >= 0)
                r = module_state_take(runner->state);
        if (r < 0)
                return r;
        free(report.dirty);
        report.dirty = NULL;
        report.head.outcome = outcome;
        runner->leaving = outcome != PTEST_OUTCOME_PASS;
        r = module_report_end(runner, &report);
        module_runner_wake(runner);
        return r < 0 ? r : outcome == PTEST_OUTCOME_PASS ? 0 : -ELIBBAD;
}

void module_runner_done(ModuleRunner *runner) {
        runner->module = module_free(runner->module);
        runner->state = module_state_free(runner->state);
        free(runner->record);
        runner->record = NULL;
}
