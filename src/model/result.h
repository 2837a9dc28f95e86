/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"
#include "model/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What came of one attempt at a test
 *
 * A result owns all it points to.
 */

/* One point of a test program that reports several: a TAP line, a line of libtest. */
typedef struct ResultPoint {
        Outcome outcome;
        uint64_t number; /* as reported; 0: none */
        char *name;      /* never NULL */
        char *reason;    /* of a skip or an expected failure; may be NULL */
} ResultPoint;

/* What was kept of an output stream. */
typedef struct ResultOutput {
        char *data; /* any bytes; may be NULL */
        size_t size;
        uint64_t total; /* bytes that the test wrote; more than size if the middle was dropped */
} ResultOutput;

/* Who had no more memory when something of a test was killed for lack of it. */
typedef enum OomOwner {
        OOM_OWNER_UNKNOWN, /* nothing was killed, or it is not told */
        OOM_OWNER_TEST,    /* its own limit */
        OOM_OWNER_WORKER,  /* its worker's */
        OOM_OWNER_SLICE,   /* that of the suite's slice, or of another one above the worker */
        OOM_OWNER_MACHINE,
        OOM_OWNER_MAX,
        OOM_OWNER_INVALID = -22, /* -EINVAL */
} OomOwner;

typedef struct Result {
        char *address;
        Outcome outcome;
        unsigned marks;   /* PtestMark bits */
        char *reason;     /* one line; NULL for a plain pass */
        unsigned attempt; /* from 1 */
        unsigned attempts; /* how many were made; of one that is run again: at most; 0 and 1: just this one */
        unsigned slot; /* from 1; 0: never sent to a worker */
        unsigned generation;
        uint64_t start_usec; /* CLOCK_REALTIME; 0: not started */
        uint64_t duration_usec;
        uint64_t cpu_user_usec;
        uint64_t cpu_system_usec;
        uint64_t memory_peak;             /* bytes; SIZE_UNKNOWN */
        uint64_t tasks_peak;              /* processes and threads; UINT64_MAX: unknown */
        uint64_t read_bytes, write_bytes; /* of block devices; SIZE_UNKNOWN */
        OomOwner oom_owner;
        uint64_t oom_limit; /* bytes; SIZE_INFINITY: none or unknown */
        char *oom_victim;   /* "pid name"; NULL: unknown */
        int exit_status;    /* -1: did not exit */
        int signal;         /* 0: not ended by one */
        bool core_dumped;
        int64_t pid; /* of the process that dumped it; 0: not known */
        ResultPoint *points;
        size_t n_points;
        char **leaks;     /* "pid command line" of what it left behind */
        char **dirty;     /* what it left changed in the process that ran it, in words */
        char **backtrace; /* of a crash or a timeout, a frame a line */
        char **stuck;     /* what its processes were doing when its time was over, a line each */
        char **files;     /* what it left in its private places, if it did not pass */
        char *directory;  /* where its private places were kept; NULL: they were not */
        ResultOutput out;
        ResultOutput err;
        char *order; /* of what is in the two, see output-order.h; NULL: not known */
} Result;

/* Points kept of one test; beyond, they are only counted in the reason. */
#define RESULT_POINTS_MAX 10000U

/* How much of it is the begin of what the test wrote; the rest is the end. All, if nothing was dropped. */
size_t result_output_get_head(const ResultOutput *output);

/* exit_status -1, memory_peak unknown, attempt 1, the rest 0 */
int result_new(const char *address, Result **ret);
Result *result_free(Result *result);
DEFINE_CLEANUP(Result, result_free);

/* Copies the strings; name NULL becomes "". -E2BIG: RESULT_POINTS_MAX */
int result_add_point(
                Result *result,
                Outcome outcome,
                uint64_t number,
                const char *name,
                const char *reason);

/* The lines of a stuck report that say the most: see worker/stuck-report.h. The array is the caller's, the lines are not. */
char **result_find_stuck_short(char *const *stuck);

/* "test"; NULL for OOM_OWNER_UNKNOWN */
const char *oom_owner_to_string(OomOwner owner);
OomOwner oom_owner_from_string(const char *s);
/* It was none of the test's own doing: its neighbours, or what else was on the machine, may have had the memory. */
static inline bool oom_owner_is_shared(OomOwner owner) {
        return owner == OOM_OWNER_SLICE || owner == OOM_OWNER_MACHINE;
}

/* Made one line of printable text, see text_escape(). */
int result_set_reason(Result *result, const char *format, ...) _printf_(2, 3);
