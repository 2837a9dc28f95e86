/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/context.h"
#include "model/keep-runs.h"
#include "model/packed-test.h"

/*
 * A suite: tests in order, and how they are to be run
 */

/* What holds for a suite unless the command line says otherwise. Unset: 0, NULL, or as noted. */
typedef struct SuiteSettings {
        unsigned workers;
        uint64_t run_timeout_usec; /* USEC_INFINITY: none */
        uint64_t stop_usec;        /* how long a worker may take to stop before it is killed */
        unsigned fail_fast;        /* stop after so many bad outcomes; 0: never */
        bool allow_no_tests;
        bool no_test_cgroups;      /* tests share the cgroup of their worker */
        double timeout_multiplier; /* 1.0 */

        uint64_t worker_memory_max; /* bytes; SIZE_INFINITY: none */
        uint64_t worker_tasks_max;  /* UINT64_MAX: none */
        uint64_t slice_memory_max;  /* bytes of all workers together; SIZE_INFINITY: none */
        unsigned worker_cpu_weight; /* 1 to 10000; 100 is what everybody has */
        unsigned worker_io_weight;
        int worker_oom_score;    /* -1000 to 1000: who is killed first for lack of memory */
        char *worker_user;       /* NULL: not given */
        char *worker_user_place; /* where it is written, "/etc/ptest/a.suite:5" */
        char *worker_set_up; /* a module whose hook each process that runs tests of modules begins with; NULL */
        unsigned recycle_after;  /* a worker is replaced after so many tests; 0: never */
        uint64_t recycle_memory; /* bytes; and when it has grown by so much; SIZE_INFINITY: never */
        KeepRuns keep_runs;
} SuiteSettings;

typedef struct Suite {
        char *name; /* short, for unit names, records and titles */
        char *description;
        char *path; /* what it was loaded from */
        SuiteSettings settings;
        TestStore *store;
        PackedTest **tests; /* in their order; weak: owned by the store */
        size_t n_tests;
        size_t n_allocated;
        PackedTest **templates; /* not run; what tests found under that address are like; weak: owned by the store */
        size_t n_templates;
        char **excluded;    /* patterns, that hold for what is found, too; NULL: none */
        Context **contexts; /* number n is at n - 1 */
        size_t n_contexts;
} Suite;

#define SUITE_STOP_DEFAULT      (5 * USEC_PER_SEC)
/* Half of what everybody has: whoever sits at the machine goes first, but tests do not starve. */
#define SUITE_WEIGHT_DEFAULT    50
/* Tests are killed before anything that has not asked for it. */
#define SUITE_OOM_SCORE_DEFAULT 500
/* A typo (Exec of a generator in a loop) must not eat the machine. */
#define SUITE_TESTS_MAX         1000000U
#define SUITE_CONTEXTS_MAX      10000U

int suite_new(const char *name, Suite **ret);
Suite *suite_free(Suite *suite);
DEFINE_CLEANUP(Suite, suite_free);

/* Takes the test, also on failure. -E2BIG: SUITE_TESTS_MAX */
int suite_add(Suite *suite, Test *test);

/* The same for a template: its address is that of the tests without their "[argument]". */
int suite_add_template(Suite *suite, Test *test);
/* NULL: none. address: of a test that was found */
const PackedTest *suite_find_template(const Suite *suite, const char *address);

/* A test of it may bring forth tests while it runs. */
bool suite_may_grow(const Suite *suite);

/* Gives what a test is now (after packed_test_unpack() and changes) the place that it had. */
int suite_replace(Suite *suite, size_t i, const Test *test);

/* Drops all tests but the first n. With n = 0 the templates too, and their memory is given back. */
void suite_truncate(Suite *suite, size_t n);

/* Lets the suite begin with its test n: those before it stand at the end then, all else in its order. */
void suite_rotate(Suite *suite, size_t n);

/* Takes the context, also on failure; its number is then n_contexts. -E2BIG: SUITE_CONTEXTS_MAX */
int suite_add_context(Suite *suite, Context *context);

/* The first pair of tests with the same address: 1, or 0 if there is none; -ENOMEM */
int suite_find_duplicate(
                const Suite *suite, const PackedTest **ret_first, const PackedTest **ret_second);

/* Drops the tests that the patterns do not select. */
int suite_select(Suite *suite, char *const *patterns);
