/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Test limits: what one test may use, what becomes of what it leaves running, and how often it may be tried
 *
 * They hold for all processes of a test together, where it has a cgroup of its own. The limits of its worker, and of
 * the slice that the worker is in, stand above them.
 */

/* What it means for a test that something of it still runs after its end. It is killed in any case. */
typedef enum LeakPolicy {
        LEAKS_MARK,   /* the outcome stays, with the mark "leaky" */
        LEAKS_FAIL,   /* a good outcome becomes "fail" */
        LEAKS_IGNORE, /* nothing is told */
        LEAKS_MAX,
        LEAKS_INVALID = -22, /* -EINVAL */
} LeakPolicy;

/* How closely a test is looked at that is at its time limit, before it is ended. */
typedef enum StuckPolicy {
        STUCK_STACKS, /* its processes and threads, their files, and their stacks if a debugger is there */
        STUCK_PROCESSES, /* without the stacks, which take a debugger up to seconds */
        STUCK_NONE,      /* not at all */
        STUCK_MAX,
        STUCK_INVALID = -22, /* -EINVAL */
} StuckPolicy;

/* What it means for a run that a test was good only at some of its attempts. */
typedef enum FlakyPolicy {
        FLAKY_PASS, /* it is told and counted */
        FLAKY_FAIL, /* the run has failed */
        FLAKY_MAX,
        FLAKY_INVALID = -22, /* -EINVAL */
} FlakyPolicy;

/* More would be a way to hide a test that fails. */
#define TEST_RETRIES_MAX 100U

/* Which of the limits were given: what was not can come from a context around, then from the suite. */
typedef enum LimitsGiven {
        LIMITS_MEMORY_MAX = 1 << 0,
        LIMITS_MEMORY_HIGH = 1 << 1,
        LIMITS_TASKS_MAX = 1 << 2,
        LIMITS_CPU_QUOTA = 1 << 3,
        LIMITS_LEAKS = 1 << 4,
        LIMITS_LEAK_GRACE = 1 << 5,
        LIMITS_STUCK = 1 << 6,
        LIMITS_RETRIES = 1 << 7,
        LIMITS_FLAKY = 1 << 8,
} LimitsGiven;

/* No padding: it is compared as bytes. */
typedef struct TestLimits {
        uint64_t memory_max;      /* bytes; SIZE_INFINITY: none */
        uint64_t memory_high;     /* bytes, above which it is slowed down; SIZE_INFINITY: none */
        uint64_t tasks_max;       /* processes and threads; UINT64_MAX: none */
        uint64_t cpu_quota_usec;  /* of CPU time in each second; USEC_INFINITY: none */
        uint64_t leak_grace_usec; /* how long what it left may take to end by itself */
        uint16_t leaks;           /* LeakPolicy */
        uint16_t stuck;           /* StuckPolicy */
        uint16_t retries;         /* how often a bad outcome is tried again; the coordinator's */
        uint16_t flaky;           /* FlakyPolicy; the coordinator's */
        uint64_t given;           /* LimitsGiven bits; of no meaning once a suite is loaded */
} TestLimits;

/* For processes that are just ending: a shell's "| tee", a daemon that sees its socket close. */
#define TEST_LEAK_GRACE_DEFAULT (200 * USEC_PER_MSEC)

/* None, leaks are marked, the default grace, all of a stuck report, no retries; nothing is given. */
#define TEST_LIMITS_NONE                                           \
        ((TestLimits){ .memory_max = SIZE_INFINITY,                \
                       .memory_high = SIZE_INFINITY,               \
                       .tasks_max = UINT64_MAX,                    \
                       .cpu_quota_usec = USEC_INFINITY,            \
                       .leak_grace_usec = TEST_LEAK_GRACE_DEFAULT, \
                       .leaks = LEAKS_MARK,                        \
                       .stuck = STUCK_STACKS,                      \
                       .flaky = FLAKY_PASS })

/* There is a limit of what it may use. */
bool test_limits_are_any(const TestLimits *limits);

/* What over gives replaces what is there. */
void test_limits_apply(TestLimits *limits, const TestLimits *over);
/* What under gives is taken where limits gives nothing. */
void test_limits_inherit(TestLimits *limits, const TestLimits *under);

/* "mark" */
const char *leak_policy_to_string(LeakPolicy policy);
LeakPolicy leak_policy_from_string(const char *s);

/* "stacks" */
const char *stuck_policy_to_string(StuckPolicy policy);
/* Also "yes", which is all, and what else a bool is called. */
StuckPolicy stuck_policy_from_string(const char *s);

/* "pass" */
const char *flaky_policy_to_string(FlakyPolicy policy);
FlakyPolicy flaky_policy_from_string(const char *s);
