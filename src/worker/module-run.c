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
#include "worker/module-step.h"

/* The worker looks at least that often while results come. */
#define WAKE_USEC (2 * USEC_PER_MSEC)

/* For the worker to make room in the ring; it is another process and may wait for a CPU. */
#define ROOM_PAUSE_USEC 100

/* A module's constructors and its worker's set-up */
#define LOAD_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* ---- Results ---- */

typedef struct Report {
        ModuleResultRecord head;
        const char *name;
        char *reason; /* owned */
        char *dirty;  /* owned */
} Report;

static void report_done(Report *report) {
        free(report->reason);
        free(report->dirty);
}

void module_runner_wake(ModuleRunner *runner) {
        /* A full socket: it is told already. */
        (void)send(runner->socket_fd, "r", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        runner->woken_usec = clock_monotonic();
}

static size_t record_append(char *record, size_t size, const char *text, uint32_t *ret_size) {
        size_t n = text ? strnlen(text, MODULE_REASON_MAX) : 0;

        if (n > 0)
                memcpy(record + size, text, n);
        *ret_size = (uint32_t)n;
        return size + n;
}

static int runner_send(ModuleRunner *runner, Report *report) {
        size_t size = sizeof(ModuleResultRecord);
        int r;

        size = record_append(runner->record, size, report->name, &report->head.name_size);
        size = record_append(runner->record, size, report->reason, &report->head.reason_size);
        size = record_append(runner->record, size, report->dirty, &report->head.dirty_size);
        memcpy(runner->record, &report->head, sizeof(ModuleResultRecord));

        for (;;) {
                struct pollfd poll_fd = { .fd = runner->socket_fd };

                r = module_ring_write(&runner->area->results, runner->record, size);
                if (r != -EAGAIN)
                        break;
                module_runner_wake(runner);
                if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR)))
                        return -EPIPE;
                usleep(ROOM_PAUSE_USEC);
        }
        if (r >= 0 && clock_monotonic() - runner->woken_usec > WAKE_USEC)
                module_runner_wake(runner);
        return r;
}

int module_runner_on_found(const PtestTest *test, const char *argument, void *userdata) {
        _cleanup_free_ char *name = NULL;
        ModuleRunner *runner = userdata;
        Report report = {
                .head = {.id = runner->id, .kind = MODULE_RESULT_FOUND}
        };
        int r;

        r = module_make_name(runner->module, test, argument, &name);
        if (r < 0)
                return r;
        report.name = name;
        return runner_send(runner, &report);
}

/* ---- What a step costs and prints ---- */

typedef struct Meter {
        uint64_t monotonic, realtime;
        struct rusage usage;
        int who;
} Meter;

static uint64_t usec_from_timeval(const struct timeval *tv) {
        return (uint64_t)tv->tv_sec * USEC_PER_SEC + (uint64_t)tv->tv_usec;
}

static Meter meter_start(int who) {
        Meter meter = { .monotonic = clock_monotonic(), .realtime = clock_realtime(), .who = who };

        (void)getrusage(who, &meter.usage);
        return meter;
}

static void meter_stop(const Meter *meter, ModuleResultRecord *record) {
        struct rusage usage = {};

        (void)getrusage(meter->who, &usage);
        record->start_usec = meter->realtime;
        record->duration_usec = clock_monotonic() - meter->monotonic;
        record->cpu_user_usec = usec_from_timeval(&usage.ru_utime) -
                        usec_from_timeval(&meter->usage.ru_utime);
        record->cpu_system_usec = usec_from_timeval(&usage.ru_stime) -
                        usec_from_timeval(&meter->usage.ru_stime);
}

static void runner_begin(
                ModuleRunner *runner,
                ModulePhase phase,
                uint64_t timeout_usec,
                const char *context,
                Report *report) {
        step_begin(phase, runner->id, timeout_usec, context, runner->out_size, runner->err_size);
        report->head.out_start = runner->out_size;
        report->head.err_start = runner->err_size;
        report->head.exit_status = -1;
}

/* What was printed belongs to this step; what differs from before is in report->dirty. */
static int runner_look(ModuleRunner *runner, Report *report) {
        int r;

        (void)fflush(stdout);
        r = module_state_compare(runner->state, &report->dirty);
        runner->out_size = module_state_out_size(runner->state);
        runner->err_size = module_state_err_size(runner->state);
        report->head.out_end = MAX(runner->out_size, report->head.out_start);
        report->head.err_end = MAX(runner->err_size, report->head.err_start);
        return r;
}

/* The step is over only when its result is visible: who dies in between has one result, not two. */
static int runner_end(ModuleRunner *runner, Report *report) {
        struct stat trace;
        int r;

        if (atomic_load(&runner->area->crash.ready) && fstat(runner->trace_fd, &trace) >= 0)
                report->head.trace_end = (uint64_t)trace.st_size;
        report->head.leaving = runner->leaving;
        r = runner_send(runner, report);
        step_finish();
        return r;
}

static int timeout_describe(uint64_t timeout_usec, char **reason) {
        char buffer[FORMAT_MAX];
        const char *verdict = NULL;
        Outcome outcome;

        return step_get_verdict(&outcome, &verdict) ?
                        text_setf(reason,
                                  "ran into its time limit of %s, after: %s",
                                  format_time(buffer, timeout_usec),
                                  verdict) :
                        text_setf(reason,
                                  "ran into its time limit of %s",
                                  format_time(buffer, timeout_usec));
}

/* ---- Fixtures ---- */

typedef struct FixtureCall {
        const PtestContext *context;
        PtestFunction function;
} FixtureCall;

static void fixture_call(void *userdata) {
        const FixtureCall *call = userdata;

        if (call->context && call->context->guard)
                call->context->guard(call->function);
        else
                call->function();
}

static uint64_t usec_from_timeout(unsigned timeout_ms) {
        return timeout_ms > 0 ? timeout_ms * USEC_PER_MSEC : TEST_TIMEOUT_DEFAULT;
}

/* Runs a fixture's function and tells how it went, also to the worker. */
static int fixture_run(
                ModuleRunner *runner,
                const ModuleContext *context,
                ModulePhase phase,
                PtestFunction function,
                uint64_t timeout_usec,
                Outcome *ret_outcome,
                char **ret_reason) {
        _cleanup_(report_done) Report report = { .name = context->name };
        FixtureCall call = { .context = context->context, .function = function };
        Outcome outcome = PTEST_OUTCOME_PASS;
        const char *reason = NULL;
        StepEnd end;
        int r = 0;

        report.head.id = runner->id;
        report.head.kind = phase == MODULE_PHASE_SET_UP ? MODULE_RESULT_SET_UP :
                                                          MODULE_RESULT_TEAR_DOWN;
        runner_begin(runner, phase, timeout_usec, context->name, &report);

        const Meter meter = meter_start(RUSAGE_SELF);

        end = step_call(fixture_call, &call);
        meter_stop(&meter, &report.head);
        if (end == STEP_INTERRUPTED) {
                outcome = PTEST_OUTCOME_TIMEOUT;
                runner->leaving = true;
                r = timeout_describe(timeout_usec, &report.reason);
        } else if (step_get_verdict(&outcome, &reason)) {
                report.reason = strdup(reason);
                r = report.reason ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = runner_look(runner, &report);
        /* A fixture may change what it likes: that is how it has to be now. */
        if (r >= 0)
                r = module_state_take(runner->state);
        if (r < 0)
                return r;
        free(report.dirty);
        report.dirty = NULL;
        report.head.outcome = outcome;
        *ret_outcome = outcome;
        r = runner_end(runner, &report);
        if (r >= 0)
                *ret_reason = TAKE_PTR(report.reason);
        return r;
}

static int context_set_up(ModuleRunner *runner, ModuleContext *context) {
        const PtestContextOptions *options = &context->context->options;
        _cleanup_free_ char *reason = NULL;
        Outcome outcome = PTEST_OUTCOME_PASS;
        int r;

        if (options->set_up) {
                r = fixture_run(runner,
                                context,
                                MODULE_PHASE_SET_UP,
                                options->set_up,
                                usec_from_timeout(options->set_up_timeout_ms),
                                &outcome,
                                &reason);
                if (r < 0)
                        return r;
        }
        if (outcome != PTEST_OUTCOME_PASS) {
                context->failed = true;
                context->outcome = outcome == PTEST_OUTCOME_SKIP ? PTEST_OUTCOME_SKIP :
                                                                   PTEST_OUTCOME_NOT_RUN;
                return outcome == PTEST_OUTCOME_SKIP ?
                                text_setf(&context->reason, "%s", reason ?: "") :
                                text_setf(&context->reason,
                                          "set-up of context %s failed: %s",
                                          context->name,
                                          reason ?: "");
        }
        context->up = true;
        context->next_up = runner->last_up;
        runner->last_up = context;
        return 0;
}

/*
 * Sets up what is not set up, the outermost first. 1 and the context if that failed. explicitly: also a shared one
 */
static int contexts_raise(
                ModuleRunner *runner,
                ModuleContext *context,
                bool explicitly,
                const ModuleContext **ret_failed) {
        int r;

        if (!context || context->up)
                return 0;
        r = contexts_raise(runner, context->parent, false, ret_failed);
        if (r != 0)
                return r;
        if (!explicitly && context->context->options.mode == PTEST_MODE_SHARED)
                return 0;
        if (!context->failed) {
                r = context_set_up(runner, context);
                if (r < 0)
                        return r;
        }
        if (context->failed) {
                *ret_failed = context;
                return 1;
        }
        return 0;
}

static bool context_is_within(const ModuleContext *context, const ModuleContext *outer) {
        for (; context; context = context->parent)
                if (context == outer)
                        return true;
        return false;
}

/* NULL: all. Those set up last go first. */
static int contexts_tear_down(ModuleRunner *runner, const ModuleContext *outer) {
        ModuleContext **link = &runner->last_up;

        while (*link) {
                ModuleContext *context = *link;
                const PtestContextOptions *options = &context->context->options;
                _cleanup_free_ char *reason = NULL;
                Outcome outcome;
                int r;

                if (outer && !context_is_within(context, outer)) {
                        link = &context->next_up;
                        continue;
                }
                *link = context->next_up;
                context->up = false;
                if (!options->tear_down)
                        continue;
                r = fixture_run(runner,
                                context,
                                MODULE_PHASE_TEAR_DOWN,
                                options->tear_down,
                                usec_from_timeout(options->tear_down_timeout_ms),
                                &outcome,
                                &reason);
                if (r < 0)
                        return r;
        }
        return 0;
}

int module_runner_tear_down_all(ModuleRunner *runner) {
        return contexts_tear_down(runner, NULL);
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
        FixtureCall call = { .context = context->context, .function = function };

        return function ? step_call(fixture_call, &call) : STEP_RETURNED;
}

/*
 * What is before each test, those of outer contexts first, the test, and what is after it for each of them that
 * was good. True: it was interrupted somewhere.
 */
static bool body_run(Body *body, const ModuleContext *context) {
        const ModuleContext *chain[MODULE_DEPTH_MAX + 1];
        size_t n = context ? context->depth + 1 : 0, n_good = 0;
        bool interrupted = false;

        for (size_t i = n; i-- > 0; context = context->parent)
                chain[i] = context;
        while (n_good < n) {
                interrupted = each_call(chain[n_good],
                                        chain[n_good]->context->options.before_each) ==
                                STEP_INTERRUPTED;
                if (interrupted || step_has_verdict())
                        break;
                n_good++;
        }
        if (n_good == n && !interrupted)
                interrupted = step_call(body_call, body) == STEP_INTERRUPTED;
        while (n_good-- > 0)
                if (each_call(chain[n_good], chain[n_good]->context->options.after_each) ==
                    STEP_INTERRUPTED)
                        interrupted = true;
        return interrupted;
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
        if (body_run(body, context))
                atomic_store(&runner->area->current.body_done, 2);
        else
                atomic_store(&runner->area->current.body_done, 1);
        (void)fflush(stdout);
        _exit(EXIT_SUCCESS);
}

static int poll_timeout(uint64_t usec) {
        return usec == USEC_INFINITY ? -1 : (int)MIN(usec / USEC_PER_MSEC + 1, (uint64_t)INT32_MAX);
}

/* Until its end, which comes at the latest after its time limit and the grace. */
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
        if (r < 0)
                return r;
        poll_fd.fd = fd;
        if (poll(&poll_fd, 1, poll_timeout(timeout_usec)) == 0) {
                ret->interrupted = true;
                atomic_store(&runner->area->current.interrupt,
                             atomic_load(&runner->area->current.sequence));
                (void)syscall(SYS_tgkill, pid, pid, MODULE_SIGNAL);
                if (poll(&poll_fd, 1, poll_timeout(grace_usec)) == 0)
                        (void)kill(pid, SIGKILL);
        }
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0)
                return -errno;
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
                Report *report,
                Outcome *outcome) {
        const bool returned = atomic_load(&runner->area->current.body_done) != 0 &&
                        child->code == CLD_EXITED && child->status == 0;

        if (returned && !options->expect_signal && !options->expect_exit_)
                return 0;
        if (!returned && child->code == CLD_EXITED) {
                report->head.exit_status = child->status;
                if (options->expect_exit_ == child->status + 1)
                        return 0;
        }
        if (child->code == CLD_KILLED) {
                report->head.signal = child->status;
                if (options->expect_signal == child->status)
                        return 0;
        }
        if (options->expect_signal || options->expect_exit_) {
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
                bool interrupted,
                Report *report) {
        Outcome outcome = PTEST_OUTCOME_PASS;
        const char *verdict = NULL;
        int r = 0;

        if (interrupted) {
                outcome = PTEST_OUTCOME_TIMEOUT;
                r = timeout_describe(timeout_usec, &report->reason);
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
                Report *report) {
        const PtestOptions *options = &value->test->options;
        const bool isolated = test_wants_child(options, request->isolate);
        const uint64_t timeout_usec = request->timeout_usec > 0 ?
                        request->timeout_usec :
                        usec_from_timeout(options->timeout_ms);
        Body body = {
                .value = value,
                .call = {.size = sizeof(PtestCall),
                         .index = value->index,
                         .value = value->test->first + (int64_t)value->index,
                         .arg = argument}
        };
        Child child = {};
        bool interrupted = false;
        int r = 0;

        /* The worker must not interrupt a host that waits for a child: that has its own limit. */
        runner_begin(runner,
                     MODULE_PHASE_TEST,
                     isolated ? usec_add(usec_add(timeout_usec, request->grace_usec),
                                         10 * USEC_PER_SEC) :
                                timeout_usec,
                     NULL,
                     report);
        atomic_store(&runner->area->current.should_fail, options->should_fail != NULL);

        const Meter meter = meter_start(isolated ? RUSAGE_CHILDREN : RUSAGE_SELF);

        if (isolated)
                r = child_start(runner,
                                &body,
                                value->context,
                                timeout_usec,
                                request->grace_usec,
                                &child);
        else
                interrupted = body_run(&body, value->context);
        if (r < 0)
                return r;
        meter_stop(&meter, &report->head);
        r = test_judge(runner,
                       options,
                       timeout_usec,
                       isolated ? &child : NULL,
                       interrupted || child.interrupted,
                       report);
        if (r < 0)
                return r;
        r = runner_look(runner, report);
        if (r < 0)
                return r;
        if (isolated && report->dirty) {
                module_state_kill_children(runner->state);
        } else if (interrupted || report->dirty)
                runner->leaving = true;
        return runner_end(runner, report);
}

/* It cannot be run: said without a step. */
static int test_refuse(ModuleRunner *runner, Report *report, Outcome outcome, const char *reason) {
        report->reason = strdup(reason);
        if (!report->reason)
                return -ENOMEM;
        report->head.outcome = outcome;
        report->head.exit_status = -1;
        report->head.out_start = report->head.out_end = runner->out_size;
        report->head.err_start = report->head.err_end = runner->err_size;
        report->head.leaving = runner->leaving;
        return runner_send(runner, report);
}

static int test_handle(ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        _cleanup_(report_done) Report report = { .name = name };
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
        r = contexts_raise(runner, value->context, false, &failed);
        if (r < 0)
                return r;
        if (r > 0)
                return test_refuse(runner, &report, failed->outcome, failed->reason);
        return test_run(runner, request, value, argument, &report);
}

static int context_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        _cleanup_(report_done) Report report = { .name = name };
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
                r = contexts_tear_down(runner, context);
        else
                r = contexts_raise(runner, context, true, &failed);
        if (r < 0)
                return r;
        return test_refuse(
                        runner,
                        &report,
                        failed ? failed->outcome : PTEST_OUTCOME_PASS,
                        failed ? failed->reason : "");
}

int module_runner_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name) {
        runner->id = request->id;
        return request->op == MODULE_OP_TEST ? test_handle(runner, request, name) :
                                               context_handle(runner, request, name);
}

/* ---- Loading ---- */

int module_runner_load(ModuleRunner *runner, const char *path) {
        _cleanup_(report_done) Report report = { .name = path };
        const char *verdict = NULL;
        Outcome outcome = PTEST_OUTCOME_PASS;
        int r;

        report.head.kind = MODULE_RESULT_LOAD;
        runner_begin(runner, MODULE_PHASE_LOAD, LOAD_TIMEOUT_USEC, NULL, &report);
        r = module_load(path, step_get_runner(), &runner->module, &report.reason);
        if (r == -ELIBBAD)
                outcome = PTEST_OUTCOME_ERROR;
        else if (r < 0)
                return r;
        else if (module_get(runner->module)->worker_set_up) {
                FixtureCall call = { .function = module_get(runner->module)->worker_set_up };

                if (step_call(fixture_call, &call) == STEP_INTERRUPTED) {
                        outcome = PTEST_OUTCOME_TIMEOUT;
                        r = timeout_describe(LOAD_TIMEOUT_USEC, &report.reason);
                } else if (step_get_verdict(&outcome, &verdict))
                        r = text_setf(&report.reason, "set-up of the worker failed: %s", verdict);
                if (r < 0)
                        return r;
        }
        r = runner_look(runner, &report);
        if (r >= 0)
                r = module_state_take(runner->state);
        if (r < 0)
                return r;
        free(report.dirty);
        report.dirty = NULL;
        report.head.outcome = outcome;
        runner->leaving = outcome != PTEST_OUTCOME_PASS;
        r = runner_end(runner, &report);
        module_runner_wake(runner);
        return r < 0 ? r : outcome == PTEST_OUTCOME_PASS ? 0 : -ELIBBAD;
}

void module_runner_done(ModuleRunner *runner) {
        runner->module = module_free(runner->module);
        runner->state = module_state_free(runner->state);
        free(runner->record);
        runner->record = NULL;
}
