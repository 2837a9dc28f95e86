/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"
#include "model/outcome.h"
#include "worker/module-ring.h"

/*
 * Area: the memory that a worker and its module host share
 *
 * The worker makes it, and reads it also when the host is dead: what the host was at, what failed, where it crashed.
 * All in it is written by a process that runs tests: the worker checks what it reads.
 */

/* Inherited fds of a host; it moves them out of the way of tests. */
enum {
        MODULE_FD_SOCKET = 3, /* a byte: look at the ring; its end: the other one is gone */
        MODULE_FD_AREA,
        MODULE_FD_OUT, /* a memfd to which stdout is appended; no byte is used twice */
        MODULE_FD_ERR,
        MODULE_FD_TRACE, /* a memfd for a backtrace in words */
        MODULE_FD_PAGE,  /* the worker's PtestPage; may be missing */
        MODULE_FD_END,
};

typedef enum ModuleOp {
        MODULE_OP_TEST,      /* name: an address without its path. Sets up what is not set up */
        MODULE_OP_SET_UP,    /* name: a context, with those around it */
        MODULE_OP_TEAR_DOWN, /* name: a context, with those within it; "": all */
        MODULE_OP_EXPORT, /* name: NAME=value, or NAME: that is how its environment has to be from now on */
        MODULE_OP_MAX,
} ModuleOp;

/* Worker to host. A name of name_size bytes, without NUL, is behind it. */
typedef struct ModuleRequestRecord {
        uint64_t id;
        uint64_t timeout_usec; /* of a test; 0: the module's, USEC_INFINITY: none */
        uint64_t grace_usec;   /* of a test in a child of its own */
        uint64_t data_max; /* bytes that a process may allocate meanwhile, where nothing else limits it; 0: any */
        uint32_t op;
        uint32_t isolate; /* in a child, unless the test says otherwise */
        uint32_t name_size;
        uint32_t reserved;
} ModuleRequestRecord;

typedef enum ModulePhase {
        MODULE_PHASE_IDLE,
        MODULE_PHASE_LOAD, /* dlopen(), and the worker's set-up */
        MODULE_PHASE_SET_UP,
        MODULE_PHASE_TEST,
        MODULE_PHASE_TEAR_DOWN,
        MODULE_PHASE_MAX,
} ModulePhase;

typedef enum ModuleResultKind {
        MODULE_RESULT_TEST,
        MODULE_RESULT_SET_UP,    /* name: the context */
        MODULE_RESULT_TEAR_DOWN, /* name: the context */
        MODULE_RESULT_FOUND,     /* name: a test that the test of that id brought forth */
        MODULE_RESULT_DONE,      /* a request that is no test was carried out */
        MODULE_RESULT_LOAD,      /* once, first: outcome pass, or why the module cannot be used */
        MODULE_RESULT_MAX,
} ModuleResultKind;

/* Host to worker. name, reason and dirty (lines) are behind it, without NUL. */
typedef struct ModuleResultRecord {
        uint64_t id;
        uint32_t kind;
        uint32_t outcome;
        uint64_t start_usec; /* CLOCK_REALTIME */
        uint64_t duration_usec;
        uint64_t cpu_user_usec, cpu_system_usec;
        uint64_t out_start, out_end; /* in the memfds */
        uint64_t err_start, err_end;
        uint64_t trace_end; /* of its backtrace, which begins where the one before ended; 0: none */
        int32_t exit_status; /* -1: none */
        int32_t signal;
        uint32_t leaving; /* the host ends after this: it is not fit for another test */
        uint32_t name_size, reason_size, dirty_size;
} ModuleResultRecord;

#define MODULE_REASON_MAX 2048U
#define MODULE_FRAMES_MAX 64U

/* The first failure, or a skip, of what runs now. Written by any thread and by forked children. */
typedef struct ModuleVerdict {
        _Atomic uint32_t state;    /* VerdictState */
        _Atomic uint64_t sequence; /* of the step that it is about */
        uint32_t outcome;
        char reason[MODULE_REASON_MAX]; /* one line, NUL-terminated */
} ModuleVerdict;

typedef enum VerdictState {
        VERDICT_NONE,
        VERDICT_WRITING,
        VERDICT_GIVEN,
} VerdictState;

/* Written by a signal handler: plain stores, and ready last. */
typedef struct ModuleCrash {
        _Atomic uint32_t ready;
        int32_t signal;
        int32_t code;
        uint32_t stack_overflow;
        uint64_t address;
        uint32_t interrupted; /* it was the worker's interruption at the time limit */
        uint32_t n_frames;
        uint64_t frames[MODULE_FRAMES_MAX];
} ModuleCrash;

/* What the host is at. sequence changes with each step and is written last. */
typedef struct ModuleCurrent {
        _Atomic uint64_t sequence;
        _Atomic uint64_t id; /* of the request; 0: none */
        _Atomic uint32_t phase;
        _Atomic uint64_t started_usec; /* on the worker's clock */
        _Atomic uint64_t timeout_usec; /* USEC_INFINITY: none */
        _Atomic uint64_t out_start, err_start;
        _Atomic uint64_t
                        interrupt; /* the worker's: the sequence that its next interruption is meant for */
        /*
         * The host's: the sequence whose child is at its time limit, until it was interrupted. The worker's: the one of
         * which it has seen what the child is doing; and the one whose processes it holds meanwhile, 0: none
         */
        _Atomic uint64_t look_wanted, looked, held;
        _Atomic uint32_t should_fail; /* of a test */
        _Atomic uint32_t
                        body_done; /* a child: the test returned, whatever the process's end looks like */
        char context[256];         /* of a set-up or tear-down */
} ModuleCurrent;

/*
 * The worker can take back requests that the host has not begun to read. The host counts one as claimed before it
 * reads it, then looks whether it is held; the worker holds it, then looks at the count: one of the two sees the other.
 */
typedef struct ModuleClaim {
        _Atomic uint64_t n_claimed; /* of this host's requests so far */
        _Atomic uint32_t hold;      /* the worker's */
        /*
         * The worker's, set before the start: after the bad outcome of a test the host claims nothing until the worker has
         * read it, who counts those here
         */
        uint32_t stops_at_bad;
        _Atomic uint64_t n_bad_read;
} ModuleClaim;

typedef struct ModuleArea {
        ModuleCurrent current;
        ModuleClaim claim;
        ModuleVerdict verdict;
        ModuleCrash crash;
        ModuleRing requests, results;
        uint64_t away_usec; /* the worker's: for how long all this was paused; atomic, see clock_follow() */
} ModuleArea;
