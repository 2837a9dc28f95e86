/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-step.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/text.h"
#include "worker/module-failure.h"

/* For handlers: backtrace() and what it calls take some KiB. */
#define HANDLER_STACK_SIZE (64U * 1024U)

/* How far from its end an access still is an overflow of the stack: frames with large arrays skip the guard. */
#define STACK_NEAR (1024U * 1024U)

/* For what comes after a crash in the same step: with damaged memory it may as well wait for itself. */
#define AFTER_CRASH_USEC (10 * USEC_PER_SEC)

static const int crash_signals[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };

static struct {
        StepOptions options;
        pthread_t thread; /* the one that runs tests */
        pid_t pid;        /* of this process, or of the child that a test runs in */
        bool in_child;    /* the latter */
        bool dumped;      /* a core of this process has been written */
        uint64_t sequence;
        uintptr_t stack_end;

        sigjmp_buf jump;
        volatile sig_atomic_t jump_valid;
} step;

enum {
        JUMP_LEAVE = 1,
        JUMP_INTERRUPT,
        JUMP_CRASH,
};

/* ---- Verdicts ---- */

static bool step_is_here(void) {
        return getpid() == step.pid && pthread_equal(pthread_self(), step.thread);
}

/* The first one of this step counts. A process that outlived its step has nothing to say about another one. */
static void verdict_give(Outcome outcome, const char *reason) {
        ModuleVerdict *verdict = &step.options.area->verdict;
        uint32_t none = VERDICT_NONE;

        if (atomic_load(&step.options.area->current.sequence) != step.sequence ||
            !atomic_compare_exchange_strong(&verdict->state, &none, VERDICT_WRITING))
                return;
        verdict->outcome = outcome;
        strncpy(verdict->reason, reason, sizeof(verdict->reason) - 1);
        atomic_store(&verdict->sequence, step.sequence);
        atomic_store(&verdict->state, VERDICT_GIVEN);
}

bool step_get_verdict(Outcome *ret_outcome, const char **ret_reason) {
        ModuleVerdict *verdict = &step.options.area->verdict;

        if (atomic_load(&verdict->state) != VERDICT_GIVEN)
                return false;
        *ret_outcome = (Outcome)verdict->outcome;
        *ret_reason = verdict->reason;
        return true;
}

/* ---- What modules call ---- */

/* Headers put one character before each format, so that an empty one is none. */
static void message_format(char *buffer, size_t size, const char *format, va_list ap) {
        if (vsnprintf(buffer, size, format, ap) < 0 || buffer[0] == '\0')
                strcpy(buffer, " ");
}

static void runner_fail(const PtestFailure *failure, const char *format, va_list ap) {
        char message[MODULE_REASON_MAX], reason[MODULE_REASON_MAX], details[MODULE_DETAILS_MAX];

        message_format(message, sizeof(message), format, ap);
        module_failure_describe(
                        failure, message + 1, reason, sizeof(reason), details, sizeof(details));
        /* Before what is said about it: in the order in which it happened. Another thread's lock may be held. */
        if (step_is_here())
                (void)fflush(stdout);
        (void)fd_write_all(step.options.err_fd, details, strlen(details));
        verdict_give(PTEST_OUTCOME_FAIL, reason);
}

static void fail_here(const char *file, unsigned line, const char *message) {
        PtestFailure failure = { .size = sizeof(failure), .file = file, .line = line };
        char reason[MODULE_REASON_MAX], details[MODULE_DETAILS_MAX];

        module_failure_describe(
                        &failure, message, reason, sizeof(reason), details, sizeof(details));
        (void)fd_write_all(step.options.err_fd, details, strlen(details));
        verdict_give(PTEST_OUTCOME_FAIL, reason);
}

static void runner_skip(const char *file, unsigned line, const char *format, va_list ap) {
        char message[MODULE_REASON_MAX];

        message_format(message, sizeof(message), format, ap);

        _cleanup_free_ char *reason = text_escape(message + 1, strlen(message + 1));

        if (!step_is_here())
                fail_here(file,
                          line,
                          "ptest_skip() in a thread or process that is not the test's own");
        else if (!step.jump_valid)
                fail_here(file, line, "ptest_skip() outside of a test");
        else
                verdict_give(PTEST_OUTCOME_SKIP, reason ?: "");
}

static void __attribute__((noreturn)) runner_leave(void) {
        if (getpid() != step.pid)
                _exit(EXIT_FAILURE);
        if (!pthread_equal(pthread_self(), step.thread))
                pthread_exit(NULL);
        if (!step.jump_valid)
                abort();
        siglongjmp(step.jump, JUMP_LEAVE);
}

static void runner_log(const char *file, unsigned line, const char *format, va_list ap) {
        char text[MODULE_REASON_MAX + 256];
        int n = snprintf(text, 256, "%s:%u:", file, line);

        n = MIN(MAX(n, 0), 255);
        (void)vsnprintf(text + n, MODULE_REASON_MAX - 1, format, ap);
        strcat(text, "\n");
        if (step_is_here())
                (void)fflush(stdout);
        (void)fd_write_all(step.options.err_fd, text, strlen(text));
}

static void runner_add(
                const char *file,
                unsigned line,
                const PtestTest *test,
                const char *format,
                va_list ap) {
        char argument[MODULE_REASON_MAX];
        int r = -EXDEV;

        message_format(argument, sizeof(argument), format, ap);
        /* What is added goes into a ring with one writer. */
        if (step_is_here())
                r = step.options.on_found(test, argument + 1, step.options.userdata);
        if (r == -EXDEV)
                fail_here(file,
                          line,
                          "PTEST_ADD() in a thread or process that is not the test's own");
        else if (r == -EPERM)
                fail_here(file, line, "PTEST_ADD() outside of a test: only tests add tests");
        else if (r < 0)
                fail_here(file,
                          line,
                          r == -EINVAL ? "PTEST_ADD(): not an argument for a test, which is printable text of one line, of at most 512 bytes" :
                                         strerror(-r));
}

/* One line of the file that the coordinator reads when the set-up is over. */
static int export_append(const char *path, const char *name, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        _cleanup_free_ char *line = NULL;
        int n;

        if (fd < 0)
                return -errno;
        n = asprintf(&line, "%s=%s\n", name, value);
        if (n < 0) {
                line = NULL;
                return -ENOMEM;
        }
        return fd_write_all(fd, line, (size_t)n);
}

static int export_set(const char *name, const char *value) {
        const char *path = getenv("PTEST_ENV");

        if (name[0] == '\0' || strpbrk(name, "=\n") || strchr(value, '\n'))
                return -EINVAL;
        if (setenv(name, value, 1) < 0)
                return -errno;
        return path ? export_append(path, name, value) : 0;
}

static bool runner_export_variable(
                const char *file, unsigned line, const char *name, const char *format, va_list ap) {
        _cleanup_free_ char *value = NULL, *why = NULL;
        int r;

        if (vasprintf(&value, format, ap) < 0) {
                value = NULL;
                r = -ENOMEM;
        } else
                r = export_set(name, value);
        if (r >= 0)
                return true;
        (void)text_setf(&why,
                        "ptest_export() of %s: %s",
                        name,
                        r == -EINVAL ? "not a name, or not a value" : strerror(-r));
        fail_here(file, line, why ?: "ptest_export() failed");
        return false;
}

static const PtestRunner runner = {
        .abi = PTEST_MODULE_ABI,
        .size = sizeof(PtestRunner),
        .fail = runner_fail,
        .skip = runner_skip,
        .leave = runner_leave,
        .log = runner_log,
        .add = runner_add,
        .is_own = step_is_here,
        .export_variable = runner_export_variable,
};

const PtestRunner *step_get_runner(void) {
        return &runner;
}

/* ---- Signals ---- */

static bool frame_is_ours(void *frame) {
        Dl_info own, info;

        return dladdr(crash_signals, &own) != 0 && dladdr(frame, &info) != 0 &&
                        info.dli_fbase == own.dli_fbase;
}

/* Of the test: without this program's functions, and what called these. In another thread all of it is the test's. */
static void backtrace_write(void *const *frames, int n) {
        bool written = false;
        int end = n - 1;

        if (step.options.trace_fd < 0)
                return;
        while (end > 0 && !frame_is_ours(frames[end]))
                end--;
        for (int i = 0; i < end; i++)
                if (!frame_is_ours(frames[i])) {
                        backtrace_symbols_fd(frames + i, 1, step.options.trace_fd);
                        written = true;
                }
        if (!written)
                backtrace_symbols_fd(frames, n, step.options.trace_fd);
}

/*
 * Async-signal-safe but for backtrace(), which step_init() has called once, so that it loads nothing, and for the
 * names, which come last: the numbers are in the area by then. The first one of a step counts.
 */
static void crash_note(const siginfo_t *info, bool interrupted) {
        ModuleCrash *crash = &step.options.area->crash;
        void *frames[MODULE_FRAMES_MAX];
        const uintptr_t address = (uintptr_t)info->si_addr;
        int n;

        if (atomic_load(&crash->ready) != 0)
                return;
        crash->signal = info->si_signo;
        crash->code = info->si_code;
        crash->interrupted = interrupted;
        crash->address = interrupted ? 0 : (uint64_t)address;
        crash->stack_overflow = info->si_signo == SIGSEGV && info->si_code > 0 &&
                        address > step.stack_end - STACK_NEAR &&
                        address < step.stack_end + STACK_NEAR;
        crash->n_frames = 0;
        atomic_store(&crash->ready, 1);

        n = backtrace(frames, MODULE_FRAMES_MAX);
        for (int i = 0; i < n; i++)
                crash->frames[i] = (uint64_t)(uintptr_t)frames[i];
        crash->n_frames = (uint32_t)MAX(n, 0);
        backtrace_write(frames, n);
}

/* The test's own doing, and not the kill() of somebody else, who wants this process to end. */
static bool crash_is_own(const siginfo_t *info) {
        return info->si_code > 0 || info->si_pid == step.pid;
}

/*
 * A core, if one is wanted, is of a copy of this process: it dies where the crash was. True in the copy. Its parent
 * waits, so that no child is left and no second dump is needed.
 */
static bool crash_dump_copy(void) {
        struct rlimit limit;
        int status;
        pid_t pid;

        if (step.dumped || getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur == 0)
                return false;
#if __GLIBC_PREREQ(2, 34)
        pid = _Fork(); /* async-signal-safe, which fork() is not */
#else
        pid = -1;
#endif
        if (pid == 0)
                return true;
        if (pid < 0)
                return false;
        while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
                ;
        step.dumped = true;
        return false;
}

static void crash_handlers_reset(void) {
        for (size_t i = 0; i < ELEMENTSOF(crash_signals); i++)
                (void)signal(crash_signals[i], SIG_DFL);
}

/*
 * Leaves the step, if it is one. Otherwise the default action follows: for a fault by executing it again, so that
 * a core dump shows the test and not this. A second signal in here ends the process at once.
 */
static void crash_on_signal(int signo, siginfo_t *info, void *context) {
        const bool can_leave = step_is_here() && !step.in_child && step.jump_valid &&
                        crash_is_own(info);

        crash_handlers_reset();
        /* What a child that the test forked does is for the test to say. */
        if (getpid() == step.pid)
                crash_note(info, false);
        if (can_leave && !crash_dump_copy())
                siglongjmp(step.jump, JUMP_CRASH);
        /* What the test printed and libc still holds. Without its lock, which the test may hold. */
        if (!can_leave)
                (void)fflush_unlocked(stdout);
        if (info->si_code <= 0 || signo == SIGTRAP || signo == SIGSYS)
                (void)raise(signo);
}

static void interrupt_on_signal(int signo, siginfo_t *info, void *context) {
        sigset_t set;

        if (!step_is_here() || !step.jump_valid ||
            atomic_load(&step.options.area->current.interrupt) != step.sequence)
                return;
        crash_note(info, true);
        sigemptyset(&set);
        sigaddset(&set, signo);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        siglongjmp(step.jump, JUMP_INTERRUPT);
}

static int crash_handlers_install(void) {
        struct sigaction action = { .sa_sigaction = crash_on_signal,
                                    .sa_flags = SA_SIGINFO | SA_ONSTACK };

        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < ELEMENTSOF(crash_signals); i++)
                if (sigaction(crash_signals[i], &action, NULL) < 0)
                        return -errno;
        return 0;
}

static int handlers_install(void) {
        struct sigaction action = { .sa_sigaction = interrupt_on_signal,
                                    .sa_flags = SA_SIGINFO | SA_ONSTACK };
        void *memory;
        int r;

        memory = mmap(NULL,
                      HANDLER_STACK_SIZE,
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
                      -1,
                      0);
        if (memory == MAP_FAILED)
                return -errno;
        if (sigaltstack(&(stack_t){ .ss_sp = memory, .ss_size = HANDLER_STACK_SIZE }, NULL) < 0)
                return -errno;

        r = crash_handlers_install();
        if (r < 0)
                return r;
        sigemptyset(&action.sa_mask);
        return sigaction(MODULE_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

static uintptr_t stack_find_end(void) {
        pthread_attr_t attributes;
        void *end = NULL;
        size_t size;

        if (pthread_getattr_np(pthread_self(), &attributes) != 0)
                return 0;
        (void)pthread_attr_getstack(&attributes, &end, &size);
        pthread_attr_destroy(&attributes);
        return (uintptr_t)end;
}

int step_init(const StepOptions *options) {
        void *frames[1];

        step.options = *options;
        step.thread = pthread_self();
        step.pid = getpid();
        step.stack_end = stack_find_end();
        (void)backtrace(frames, ELEMENTSOF(frames));
        return handlers_install();
}

/* ---- Steps ---- */

void step_begin(ModulePhase phase,
                uint64_t id,
                uint64_t timeout_usec,
                const char *context,
                uint64_t out_start,
                uint64_t err_start) {
        ModuleArea *area = step.options.area;
        ModuleCurrent *current = &area->current;

        atomic_store(&current->phase, MODULE_PHASE_IDLE);
        atomic_store_explicit(&area->verdict.state, VERDICT_NONE, memory_order_relaxed);
        atomic_store_explicit(&area->crash.ready, 0, memory_order_relaxed);
        atomic_store_explicit(&current->body_done, 0, memory_order_relaxed);
        atomic_store_explicit(&current->id, id, memory_order_relaxed);
        atomic_store_explicit(&current->started_usec, clock_monotonic(), memory_order_relaxed);
        atomic_store_explicit(&current->timeout_usec, timeout_usec, memory_order_relaxed);
        atomic_store_explicit(&current->out_start, out_start, memory_order_relaxed);
        atomic_store_explicit(&current->err_start, err_start, memory_order_relaxed);
        current->context[0] = '\0';
        if (context)
                strncpy(current->context, context, sizeof(current->context) - 1);
        atomic_store(&current->sequence, ++step.sequence);
        atomic_store(&current->phase, phase);
}

void step_continue_in_child(void) {
        step.pid = getpid();
        step.in_child = true;
}

void step_finish(void) {
        ModuleCurrent *current = &step.options.area->current;

        atomic_store(&current->phase, MODULE_PHASE_IDLE);
        atomic_store(&current->id, 0);
        /* What comes late from a thread or a child is about no step. */
        atomic_store(&current->sequence, ++step.sequence);
}

/* As before the crash; and the worker does not wait long for what is damaged. */
static void crash_survive(void) {
        ModuleCurrent *current = &step.options.area->current;
        const uint64_t until = clock_monotonic() - atomic_load(&current->started_usec) +
                        AFTER_CRASH_USEC;
        sigset_t set;

        atomic_store(&current->timeout_usec, MIN(atomic_load(&current->timeout_usec), until));
        (void)crash_handlers_install();
        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(crash_signals); i++)
                sigaddset(&set, crash_signals[i]);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

StepEnd step_call(void (*function)(void *userdata), void *userdata) {
        StepEnd end;

        switch (sigsetjmp(step.jump, 0)) {
        case 0:
                step.jump_valid = true;
                function(userdata);
                end = STEP_RETURNED;
                break;
        case JUMP_LEAVE:
                end = STEP_LEFT;
                break;
        case JUMP_CRASH:
                end = STEP_CRASHED;
                step.jump_valid = false;
                crash_survive();
                break;
        default:
                end = STEP_INTERRUPTED;
        }
        step.jump_valid = false;
        /* A child that the test forked came back from it: it must not go on as if it were the host. */
        if (getpid() != step.pid)
                _exit(EXIT_SUCCESS);
        return end;
}

const ModuleCrash *step_get_crash(void) {
        const ModuleCrash *crash = &step.options.area->crash;

        return atomic_load(&crash->ready) != 0 && !crash->interrupted ? crash : NULL;
}

void step_end_by_signal(int signo) {
        sigset_t set;

        /* One core is enough. */
        if (step.dumped)
                (void)prctl(PR_SET_DUMPABLE, 0);
        (void)signal(signo, SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, signo);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        (void)raise(signo);
        _exit(EXIT_FAILURE);
}
