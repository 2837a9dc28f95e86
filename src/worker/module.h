/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "model/result.h"
#include "model/test-limits.h"
#include "worker/module-area.h"

/*
 * Modules, as a worker sees them: a host process that runs tests of a shared object, replaced when it must be
 *
 *      worker (nng, supervision)  ── requests, in a ring ──▶  host (dlopen(), warm, one test after the other)
 *                                 ◀── results, in a ring ──
 *
 *      NONE ──a request waits──▶ RUNNING ──not fit for another test──▶ LEAVING ──▶ ┐
 *       ▲                           └─────crash, exit(), SIGKILL───────────────▶ SWEEPING (kills what it left) ─▶ NONE
 *
 * Why a process of its own, and not the worker: nng has threads and may not be used after a fork, so that a worker
 * that ran tests could neither fork them nor be trusted when one of them wrote to its memory. As it is, a crash, an exit,
 * a deadlock, SIGSTOP or a blocked signal costs one process that the worker sees end with waitid(), names the test from
 * shared memory, has its output (memfds that both hold) and every result that was before, and starts the next: no
 * message to the coordinator is needed, and a test's timeout needs no cooperation of the test. It costs nothing when
 * all is well: requests and results are written to memory, the system is called once in many tests.
 *
 * What always holds: each request gets one TEST or DONE event, in the order of submission, whatever the host does; a test that
 * was started is never started again; a new host starts only when of the old one, and of all that its tests left, nothing is there.
 * Contexts that the next host needs are set up by it again. One whose set-up ended its host is not tried again: its
 * tests are not-run.
 *
 * The process must be its descendants' sub-reaper and have no other children meanwhile but those that are kept (worker/keep.h).
 */

typedef struct ModuleHost ModuleHost;
typedef struct Keep Keep;
typedef struct OomWatch OomWatch;
typedef struct OomEvidence OomEvidence;
typedef struct CgroupTree CgroupTree;

typedef struct ModuleEvent {
        ModuleResultKind kind;
        uint64_t id;        /* of the request; of FOUND: of the test that found it */
        const char *name;   /* test or context */
        Result *result;     /* address: the name; owned, the handler may take it; NULL for FOUND */
        char *const *dirty; /* what the test left changed, in words; a mark of the result */
        const char *backtrace; /* lines, of a crash or a timeout; NULL: none */
        bool unfit;      /* its process ends with it, or has ended: it is not for another test */
        bool posthumous; /* said for a process that is not there (any more) */
} ModuleEvent;

/* Negative ends module_host_dispatch(), and is returned by it. */
typedef int (*ModuleHandler)(ModuleEvent *event, void *userdata);

typedef struct ModuleHostOptions {
        const char *program; /* the worker's; NULL: this one. Its main() must know MODULE_HOST_OPTION */
        const char *path;          /* of the shared object */
        const char *worker_set_up; /* of a module whose worker hook each host calls first; NULL: none */
        char *const *environment;
        uint64_t output_max; /* bytes kept of each stream */
        uint64_t grace_usec; /* from the interruption of a test to SIGKILL */
        const char *workdir; /* NULL: the worker's */
        bool stops_at_bad; /* starts nothing behind a test with a bad outcome before the handler has returned */
        int page_fd; /* of the worker's PtestPage, above MODULE_FD_END; 0 or -1: what runs is not noted */
        /* What else lives below the worker: other hosts, what set-ups left. NULL: nothing does. Weak, and so the next */
        Keep *keep;
        OomWatch *oom;     /* NULL: a lack of memory is not recognised */
        CgroupTree *tree;  /* NULL: its processes have no cgroup of their own */
        TestLimits limits; /* of its first test; all 0 is none, too */
        ModuleHandler handler;
        void *userdata;
} ModuleHostOptions;

typedef struct ModuleRequest {
        uint64_t id; /* from 1; 0: not noted in the page */
        ModuleOp op;
        const char *name;      /* copied */
        uint64_t timeout_usec; /* of a test; 0: as the module says */
        bool isolate;          /* in a process of its own, unless the test says otherwise */
        StuckPolicy stuck;     /* how closely it is looked at when it is at its time limit */
} ModuleRequest;

/* Copies the options. Nothing is started before there is a request. */
int module_host_new(const ModuleHostOptions *options, ModuleHost **ret);
/* Kills what runs, and does not wait for it. */
ModuleHost *module_host_free(ModuleHost *host);
DEFINE_CLEANUP(ModuleHost, module_host_free);

int module_host_submit(ModuleHost *host, const ModuleRequest *request);

/* Whether something in it was killed for lack of memory since the last look; needs an oom of the options. */
void module_host_look_for_oom(ModuleHost *host, OomEvidence *ret);
/* A result of the outcome oom says what the last look found. */
int module_host_tell_oom(const ModuleHost *host, Result *result);

/* Those that the next test is to have; new ones only while nothing is pending. */
bool module_host_has_limits(const ModuleHost *host, const TestLimits *limits);
int module_host_set_limits(ModuleHost *host, const TestLimits *limits);

/* For poll(), as of a Run. */
#define MODULE_HOST_FDS_MAX 2
void module_host_get_fds(const ModuleHost *host, struct pollfd fds[static MODULE_HOST_FDS_MAX]);
uint64_t module_host_get_deadline(const ModuleHost *host);
/* After each poll(), and after submitting. Calls the handler. */
int module_host_dispatch(ModuleHost *host);

/*
 * Takes back the requests that no process has begun to read, the last ones of those without an answer: returns how many.
 * Also from a handler: then none of them is given to the next process.
 */
size_t module_host_withdraw(ModuleHost *host);

/* What runs is asked to end as at its time limit, and the process is not fit for another test then. */
void module_host_interrupt(ModuleHost *host);

/* Requests without an answer */
size_t module_host_count_pending(const ModuleHost *host);

/* A stuck report is being made of it. */
bool module_host_is_looked_at(const ModuleHost *host);
/* After a pause, before it goes on: the time in which it was stopped is not its. */
void module_host_note_away(ModuleHost *host);

/* When nothing is pending: lets the host tear down and end. It is over when module_host_is_gone(). */
void module_host_begin_stop(ModuleHost *host);
bool module_host_is_gone(const ModuleHost *host);
/* Gone, or waiting for a request: nothing of it runs. */
bool module_host_is_quiet(const ModuleHost *host);
/* The module is being loaded, or something else is done before what was asked for. */
bool module_host_is_preparing(const ModuleHost *host);
/* The process that was there last had torn down what was set up in it before it ended. */
bool module_host_left_in_order(const ModuleHost *host);
/* 0: none */
pid_t module_host_get_pid(const ModuleHost *host);

/* Hosts that were started so far; 1 as long as no test cost one. */
unsigned module_host_count_starts(const ModuleHost *host);
