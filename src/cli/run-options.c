/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/run-options.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "cli/jobs.h"
#include "cli/option-value.h"
#include "model/pattern.h"

enum {
        OPTION_TIMEOUT = 0x100,
        OPTION_TIMEOUT_MULTIPLIER,
        OPTION_FAIL_FAST,
        OPTION_KEEP_FAILED,
        OPTION_MEMORY_MAX,
        OPTION_ISOLATION,
        OPTION_STUCK_REPORT,
        OPTION_RECYCLE_AFTER,
        OPTION_RECYCLE_MEMORY,
        OPTION_WORKER_SET_UP,
        OPTION_BACKEND,
        OPTION_USER,
        OPTION_ALLOW_DEGRADED,
        OPTION_ALLOW_NO_TESTS,
        OPTION_STATE_DIR,
        OPTION_KEEP_RUNS,
};

static const struct argp_option options_table[] = {
        {NULL,                                       0, NULL, 0, "What runs:", 1 },
        { "keyword",
         'k', "PATTERN",
         0, "Run tests whose address matches: a glob, or a part of it; !PATTERN leaves out (repeatable)",
         1 },
        { "fail-fast",
         OPTION_FAIL_FAST, "N",
         OPTION_ARG_OPTIONAL, "Start nothing more after N failures (1)",
         1 },
        { "keep-failed",
         OPTION_KEEP_FAILED, NULL,
         0, "Keep the private places (PrivateTmp=, PrivateHome=) of tests that fail",
         1 },
        { "allow-no-tests",
         OPTION_ALLOW_NO_TESTS, NULL,
         0, "A run without any test is a success",
         1 },
        { NULL,                                          0, NULL, 0, "How it runs:", 3 },
        { "jobs",
         'j', "N",
         0, "Run N workers (default: what the suite or the build asks for, else the CPUs)",
         3 },
        { "timeout",
         OPTION_TIMEOUT, "TIME",
         0, "Limit for tests that do not name their own: 30s, 5min, infinity",
         3 },
        { "timeout-multiplier",
         OPTION_TIMEOUT_MULTIPLIER, "X",
         0, "Multiply all limits, for slow machines; 0: no limits",
         3 },
        { "memory-max",
         OPTION_MEMORY_MAX, "SIZE",
         0, "Memory limit of each worker: 512M, 2G, 10%, infinity",
         3 },
        { "isolation",
         OPTION_ISOLATION, "HOW",
         0, "Run tests of modules in a child each (process) or in the worker's one (none)",
         3 },
        { "stuck-report",
         OPTION_STUCK_REPORT, "HOW",
         0, "What is told of a test at its time limit: its processes and their stacks (stacks), processes, no",
         3 },
        { "recycle-after",
         OPTION_RECYCLE_AFTER, "N",
         0, "Replace a worker after N tests; 0: never",
         3 },
        { "recycle-memory",
         OPTION_RECYCLE_MEMORY, "SIZE",
         0, "Replace a worker that has grown by so much: 64M, 5%, infinity",
         3 },
        { "worker-set-up",
         OPTION_WORKER_SET_UP, "MODULE",
         0, "Call this module's worker hook in each worker before its first test of a module",
         3 },
        { "backend",                                      OPTION_BACKEND, "KIND", 0, "auto (default), system, user or plain", 3 },
        { "user",     OPTION_USER, "NAME", 0, "Run tests as this user (as root only)", 3 },
        { "allow-degraded",
         OPTION_ALLOW_DEGRADED, NULL,
         0, "Run even where a limit cannot be held",
         3 },
        { "state-dir",OPTION_STATE_DIR, "DIR", 0, "Keep records there", 3 },
        { "keep-runs",
         OPTION_KEEP_RUNS, "N SIZE",
         0, "Keep records of so many runs of the suite, or of so much: 20, 500M, \"20 500M\" (default: 100 1G)",
         3 },
        {                                   },
};

static int options_parse_fail_fast(RunOptions *options, const char *arg) {
        options->fail_fast_given = true;
        if (!arg) {
                options->fail_fast = 1;
                return 0;
        }
        return parse_unsigned(arg, UINT32_MAX, &options->fail_fast);
}

static int options_parse_backend(RunOptions *options, const char *arg) {
        options->backend_auto = strcmp(arg, "auto") == 0;
        if (options->backend_auto)
                return 0;
        options->backend = backend_kind_from_string(arg);
        return options->backend < 0 ? -EINVAL : 0;
}

static int options_parse_isolation(RunOptions *options, const char *arg) {
        if (strcmp(arg, "process") == 0)
                options->isolation = LOAD_ISOLATION_PROCESS;
        else if (strcmp(arg, "none") == 0)
                options->isolation = LOAD_ISOLATION_NONE;
        else
                return -EINVAL;
        return 0;
}

static int options_parse_recycle_after(RunOptions *options, const char *arg) {
        options->recycle_after_given = true;
        if (strcmp(arg, "infinity") == 0) {
                options->recycle_after = 0;
                return 0;
        }
        return parse_unsigned(arg, UINT32_MAX, &options->recycle_after);
}

static int options_parse_positive(
                const char *arg, int (*parse)(const char *, uint64_t *), uint64_t *ret) {
        uint64_t value;
        int r = parse(arg, &value);

        if (r < 0)
                return r;
        if (value == 0)
                return -ERANGE;
        *ret = value;
        return 0;
}

static int options_parse_jobs(RunOptions *options, const char *arg) {
        unsigned n;
        int r = parse_unsigned(arg, JOBS_MAX, &n);

        if (r < 0)
                return r;
        if (n == 0)
                return -ERANGE;
        options->jobs = n;
        return 0;
}

static int options_parse_path(const char *arg, const char **ret) {
        if (!*arg)
                return -EINVAL;
        *ret = arg;
        return 0;
}

/* One that has a value which can be wrong. ARGP_ERR_UNKNOWN: another one; *ret_want is what would be right. */
static int options_parse_value(
                int key, const char *arg, RunOptions *options, const char **ret_want) {
        switch (key) {
        case 'j':
                *ret_want = "a number from 1 to 1000";
                return options_parse_jobs(options, arg);
        case 'k':
                *ret_want = "a glob or a part of an address, with ! in front to leave out";
                return pattern_is_valid(arg) ? strv_extend(&options->patterns, arg) : -EINVAL;
        case OPTION_TIMEOUT:
                *ret_want = "a time above zero, such as 30s, 5min or infinity";
                return options_parse_positive(arg, parse_time, &options->timeout_usec);
        case OPTION_TIMEOUT_MULTIPLIER:
                *ret_want = "a number such as 2.5, 0 for no limits";
                return parse_factor(arg, &options->timeout_multiplier);
        case OPTION_KEEP_FAILED:
                options->keep_failed = true;
                return 0;
        case OPTION_FAIL_FAST:
                *ret_want = "a number of failures, 0 for never";
                return options_parse_fail_fast(options, arg);
        case OPTION_MEMORY_MAX:
                *ret_want = "a size above zero, such as 512M or 2G, a percentage of the memory such as 10%, or infinity";
                return options_parse_positive(arg, parse_memory, &options->memory_max);
        case OPTION_ISOLATION:
                *ret_want = "process or none";
                return options_parse_isolation(options, arg);
        case OPTION_STUCK_REPORT:
                *ret_want = "stacks, processes or no";
                options->stuck = stuck_policy_from_string(arg);
                return options->stuck < 0 ? -EINVAL : 0;
        case OPTION_RECYCLE_AFTER:
                *ret_want = "a number of tests, 0 for never";
                return options_parse_recycle_after(options, arg);
        case OPTION_RECYCLE_MEMORY:
                *ret_want = "a size above zero, such as 64M or 1G, a percentage of the memory such as 5%, or infinity";
                return options_parse_positive(arg, parse_memory, &options->recycle_memory);
        case OPTION_WORKER_SET_UP:
                *ret_want = "the path of a module that is there";
                return access(arg, F_OK) < 0 ? -ENOENT :
                                               options_parse_path(arg, &options->worker_set_up);
        case OPTION_BACKEND:
                *ret_want = "auto, system, user or plain";
                return options_parse_backend(options, arg);
        case OPTION_KEEP_RUNS:
                *ret_want = KEEP_RUNS_EXPECTED;
                options->keep_runs_given = true;
                return keep_runs_parse(arg, &options->keep_runs);
        case OPTION_STATE_DIR:
                *ret_want = "the path of a directory";
                return options_parse_path(arg, &options->state_dir);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int options_parse_word(int key, char *arg, RunOptions *options, struct argp_state *state) {
        switch (key) {
        case OPTION_USER:
                options->user = arg;
                return 0;
        case OPTION_ALLOW_DEGRADED:
                options->allow_degraded = true;
                return 0;
        case OPTION_ALLOW_NO_TESTS:
                options->allow_no_tests = true;
                return 0;
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &options->again;
                state->child_inputs[1] = &options->reports;
                return 0;
        case ARGP_KEY_ARG:
                return strv_extend(&options->targets, arg) < 0 ? ENOMEM : 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static error_t options_parse_one(int key, char *arg, struct argp_state *state) {
        RunOptions *options = state->input;
        const char *want = NULL;
        int r;

        r = options_parse_value(key, arg, options, &want);
        if (r == ARGP_ERR_UNKNOWN)
                return options_parse_word(key, arg, options, state);
        if (r < 0)
                return option_value_reject(options_table, key, arg, want);
        return 0;
}

int run_options_parse(int argc, char **argv, RunOptions *ret) {
        static const struct argp_child children[] = {
                {&again_options_argp,               0, "What runs again, and in parts:", 2 },
                { &report_options_argp, 0, "What is printed and written:", 4 },
                {                               }
        };
        static const struct argp argp = {
                .options = options_table,
                .parser = options_parse_one,
                .children = children,
                .args_doc = "SUITE...",
                .doc = "Run suites and judge them."
                       "\vA SUITE is the name of a suite file, a path to one, a meson build directory, a directory "
                       "of .test files, a directory of executables, or a test module (a shared object).\n\n"
                       "Exit status: 0 all passed, 1 tests failed, 2 wrong use or an unreadable suite, 3 the "
                       "machinery failed, 4 nothing to run, 5 incomplete.",
        };
        RunOptions options = { .timeout_multiplier = 1.0,
                               .backend_auto = true,
                               .stuck = STUCK_INVALID,
                               .reports = REPORT_OPTIONS_DEFAULT };
        int r;

        argp_err_exit_status = 2;
        r = argp_parse(&argp, argc, argv, 0, NULL, &options);
        if (r == 0 && !options.targets && options.again.resume != RESUME_RUN) {
                log_error("Which suite? For example: ptest run glib, ptest run ./my.suite, ptest run build/");
                r = EINVAL;
        }
        if (r != 0) {
                run_options_done(&options);
                return -r;
        }
        *ret = options;
        return 0;
}

void run_options_done(RunOptions *options) {
        options->targets = strv_free(options->targets);
        options->patterns = strv_free(options->patterns);
        free(options->degraded);
        options->degraded = NULL;
}
