/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include "ptest/protocol.h"

#include "model/result.h"
#include "model/test.h"

/*
 * Run: one test from its start to its result, without ever blocking
 *
 *      run_start() ─▶ RUNNING ─leader's exit─▶ LINGERING ─200 ms─▶ SWEEPING ─▶ ENDED ─▶ run_finish()
 *                        │                        └─ nothing is left ──────────▲
 *                        └─ cannot be ended, not even by SIGKILL ──────────────┘
 *
 *      RUNNING    the test's process lives; its time limit is watched (model/escalation.h)
 *      LINGERING  it has ended, others of the test have not: they may be about to; what they print still counts
 *                 (for 200 ms, or what the test's limits say)
 *      SWEEPING   they did not: they are noted as leaks, and killed again and again until nothing is left
 *      ENDED      nothing is left, or what is left does not die: see run_is_stuck()
 *
 * A set-up ends with its process: what it leaves running is kept (worker/keep.h), and belongs to no run until the
 * tear-down of the same instance, at whose end it is asked to end, and then swept as all else.
 *
 * The end of a test is the exit of its process, never the end of a pipe. The process must be the sub-reaper
 * of its descendants, and must have no children but what is kept and those of the one run at a time.
 */

/* What all runs of a worker share. */
typedef struct Runner Runner;
typedef struct Keep Keep;
typedef struct OomWatch OomWatch;
typedef struct CgroupTree CgroupTree;

/* environment: of every test, before its own changes; copied. Signals must be prepared: signals_prepare(). */
int runner_new(char *const *environment, Runner **ret);
Runner *runner_free(Runner *runner);
DEFINE_CLEANUP(Runner, runner_free);

/*
 * Gives each program that is run from now on a cgroup of its own, where the worker has one to divide; see
 * worker/cgroup-tree.h. Moves this process. Before anything is run.
 */
int runner_contain(Runner *runner, unsigned slot, unsigned generation);
/* After that. From where on the kernel's log is looked at for victims of a lack of memory; takes it. -1: it cannot be read */
void runner_set_kernel_log(Runner *runner, int fd);

/*
 * Kills all descendants of this process and waits until they are gone, at most two seconds: false then. For a
 * worker that ends at once.
 */
bool runner_kill_all(Runner *runner);

/* Below which tests have their private places; borrowed. */
void runner_set_places(Runner *runner, const char *places);

/* What set-ups have left running, and module hosts. */
Keep *runner_get_keep(Runner *runner);
OomWatch *runner_get_oom(Runner *runner);
/* NULL: tests have no cgroups of their own. After runner_contain(). */
CgroupTree *runner_get_tree(Runner *runner);

typedef struct Run Run;

/* What is run. All is borrowed, until the run is freed. */
typedef struct RunSpec {
        const Test *test;
        char *const *exports; /* "NAME=value", set last in its environment; may be NULL */
        PtestRole role;
        uint32_t instance;        /* of a fixture */
        const char *exports_path; /* of a set-up: where it is to write what it exports */
        const char *found_path;   /* of a test that finds: where it is to write that */
} RunSpec;

/* A program that cannot be started gives a run that ends at once, with its outcome. */
int run_start(Runner *runner, const RunSpec *spec, Run **ret);
/* Also kills what runs, without waiting. */
Run *run_free(Run *run);
DEFINE_CLEANUP(Run, run_free);

pid_t run_get_pid(const Run *run);

/* For poll(), in this order on every call; unused ones have the fd -1. */
#define RUN_FDS_MAX 4
void run_get_fds(const Run *run, struct pollfd fds[static RUN_FDS_MAX]);
/* When to call run_dispatch() at the latest; USEC_INFINITY: only when an fd is ready */
uint64_t run_get_deadline(const Run *run);

/* After each poll(). Reads a bounded amount, so that no flood starves the rest. -ENOMEM */
int run_dispatch(Run *run, const struct pollfd fds[static RUN_FDS_MAX]);

/* Asks the test to end, as at its time limit: a run is stopped. */
void run_interrupt(Run *run);

/* A stuck report is being made of it. */
bool run_is_looked_at(const Run *run);

bool run_has_ended(const Run *run);
/* Something of the test could not be killed: this process should make room for another. */
bool run_is_stuck(const Run *run);

/* After the end, once. Slot, generation and attempt are not set. *ret_exported: of a set-up; may be NULL */
int run_finish(Run *run, Result **ret, char ***ret_exported);
