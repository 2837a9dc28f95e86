/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/module-area.h"

#include "ptest/test.h"

/*
 * Step: one call of a module's function (a test, a fixture), from which there are many ways out
 *
 *      it returns                                               STEP_RETURNED
 *      an assertion fails, or skips                             STEP_LEFT, and a verdict in the area
 *      the worker interrupts it at its time limit               STEP_INTERRUPTED, and where it was in the area
 *      it crashes, in the thread that runs tests                STEP_CRASHED, and where it was in the area
 *      another thread crashes, or what is not a step            the process ends; where it was is in the area
 *
 * A process in which a step crashed is good for tearing down what is set up in it, with luck, and for nothing else.
 * Where cores are wanted, a copy of it dumps one at the place of the crash before the step is left.
 *
 * What assertions in other threads and in forked children say reaches the same verdict; the first one counts.
 *
 * There is one in a process, as there is one set of signal handlers: this state is global. Not in use before
 * step_init().
 */

/* Sent to the host's first thread to interrupt a step. The last but one: valgrind needs the last for itself. */
#define MODULE_SIGNAL (SIGRTMAX - 1)

typedef enum StepEnd {
        STEP_RETURNED,
        STEP_LEFT,
        STEP_INTERRUPTED,
        STEP_CRASHED,
} StepEnd;

/* What ran did not come to its own end. */
static inline bool step_end_is_bad(StepEnd end) {
        return end == STEP_INTERRUPTED || end == STEP_CRASHED;
}

typedef int (*StepFound)(const PtestTest *test, const char *argument, void *userdata);

typedef struct StepOptions {
        ModuleArea *area;
        int err_fd;         /* for details; borrowed */
        int trace_fd;       /* for a backtrace in words; borrowed; -1: none is wanted */
        StepFound on_found; /* -EINVAL: not an argument for a test, -EPERM: not at a test */
        void *userdata;
} StepOptions;

/* Installs handlers for what crashes, on a stack of their own. The caller's thread is the one that runs tests. */
int step_init(const StepOptions *options);

const PtestRunner *step_get_runner(void);

/* A new step: no verdict, the clock runs. context may be NULL. */
void step_begin(ModulePhase phase,
                uint64_t id,
                uint64_t timeout_usec,
                const char *context,
                uint64_t out_start,
                uint64_t err_start);
/* The same step, in a forked child: this process is now the test's, and a crash ends it. */
void step_continue_in_child(void);
void step_finish(void);

/* Calls, any number of times in a step. */
StepEnd step_call(void (*function)(void *userdata), void *userdata);

/* The crash that a call of this step ended by; NULL: none did. What came first counts: not after an interruption. */
const ModuleCrash *step_get_crash(void);

/* Ends this process as that signal would have ended it, had the step not been left. */
void step_end_by_signal(int signo) __attribute__((noreturn));

/* What was said about the step: *ret_reason is a part of the area. False: nothing */
bool step_get_verdict(Outcome *ret_outcome, const char **ret_reason);
