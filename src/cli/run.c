/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * "ptest run": loads suites, chooses backend, user and limits, and lets a coordinator run them
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/capability.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/jobs.h"
#include "cli/run-again.h"
#include "cli/run-limits.h"
#include "cli/run-options.h"
#include "cli/run-reports.h"
#include "cli/status-text.h"
#include "cli/suite-load.h"
#include "cli/verb.h"
#include "cli/worker-path.h"
#include "cli/worker-user.h"
#include "config.h"
#include "coordinator/coordinator.h"
#include "model/pattern.h"
#include "model/tally.h"

#define EXIT_WRONG_USE 2

typedef struct Run {
        RunOptions options;
        RunAgain again;
        char **words; /* of a command that was recorded; the options point to them */
        Suite *suite;
        size_t n_selected; /* tests of the suite that the patterns fit */
        BackendKind backend;
        WorkerUser user;
        char *worker_path;
        char *command;
        char *empty_reason;
        char **capabilities;
        Recorder *recorder;
        RunReports *reports;
} Run;

/* What is of one run, where there may be several. */
static void run_reset(Run *run) {
        run->reports = run_reports_free(run->reports);
        run->recorder = recorder_free(run->recorder);
        run->capabilities = strv_free(run->capabilities);
        free(TAKE_PTR(run->empty_reason));
        free(TAKE_PTR(run->user.name));
        run->suite = suite_free(run->suite);
}

static void run_done(Run *run) {
        run_reset(run);
        run_again_done(&run->again);
        free(run->command);
        free(run->worker_path);
        run_options_done(&run->options);
        strv_free(run->words);
}

static int run_choose_backend(Run *run) {
        _cleanup_free_ char *reason = NULL;
        int r;

        if (run->options.backend_auto) {
                run->backend = backend_find_best();
                return 0;
        }
        run->backend = run->options.backend;
        r = backend_probe(run->backend, &reason);
        if (r < 0)
                return log_error_errno(
                                r,
                                "The %s backend cannot be used here: %s",
                                backend_kind_to_string(run->backend),
                                reason ?: strerror(-r));
        return 0;
}

/* What cannot be held is refused, not ignored. */
static int run_check_worker_limits(Run *run) {
        SuiteSettings *settings = &run->suite->settings;
        _cleanup_free_ char *limits = NULL;
        int r;

        if (run->options.memory_max > 0)
                settings->worker_memory_max = run->options.memory_max;
        r = backend_find_unheld_limits(
                        run->backend,
                        &(BackendConfig){
                                        .memory_max = settings->worker_memory_max,
                                        .tasks_max = settings->worker_tasks_max,
                                        .slice_memory_max = settings->slice_memory_max,
                        },
                        &limits);
        if (r < 0)
                return log_error_errno(r, "Failed to find out which limits can be held: %m");
        if (!limits)
                return 0;
        if (!run->options.allow_degraded) {
                log_error("The %s backend cannot hold %s; --allow-degraded runs without, \"ptest doctor\" says why",
                          backend_kind_to_string(run->backend),
                          limits);
                return -EOPNOTSUPP;
        }
        r = text_setf(&run->options.degraded,
                      "The %s backend does not hold %s",
                      backend_kind_to_string(run->backend),
                      limits);
        if (r < 0)
                return r;
        if (run->backend == BACKEND_PLAIN)
                settings->worker_memory_max = settings->worker_tasks_max =
                                settings->slice_memory_max = SIZE_INFINITY;
        return 0;
}

static int run_check_limits(Run *run) {
        int r = run_check_worker_limits(run);

        if (r < 0)
                return r;
        return run_check_test_limits(
                        run->suite,
                        run->backend,
                        run->options.allow_degraded,
                        &run->options.degraded);
}

static int run_collect_capabilities(Run *run) {
        Capability *capabilities = NULL;
        size_t n = 0;
        int r;

        r = capability_probe(run->backend, &capabilities, &n);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = strv_extendf(
                                &run->capabilities,
                                "%s=%s",
                                capabilities[i].name,
                                capabilities[i].holds ? "yes" : "no");
        capability_free_many(capabilities, n);
        return r;
}

/* A suite with tests, of which none is wanted, is not one without tests. */
static int run_explain_empty(Run *run) {
        const char *shard = run->n_selected > 0 ? run->again.shard : NULL;
        _cleanup_free_ char *words = NULL;

        if (run->suite->n_tests > 0 || (!run->options.patterns && !shard))
                return 0;
        if (!run->options.patterns)
                return text_setf(&run->empty_reason, "no test is in part %s", shard);
        words = patterns_describe(run->options.patterns);
        if (!words)
                return -ENOMEM;
        return shard ? text_setf(&run->empty_reason,
                                 "no test that matches %s is in part %s",
                                 words,
                                 shard) :
                       text_setf(&run->empty_reason, "no test matches %s", words);
}

/* What the command line says stands above the suite. */
static int run_apply_recycling(Run *run) {
        SuiteSettings *settings = &run->suite->settings;
        const RunOptions *options = &run->options;

        if (options->recycle_after_given)
                settings->recycle_after = options->recycle_after;
        if (options->recycle_memory > 0)
                settings->recycle_memory = options->recycle_memory;
        if (!options->worker_set_up)
                return 0;
        free(settings->worker_set_up);
        settings->worker_set_up = NULL;
        return path_make_absolute(options->worker_set_up, &settings->worker_set_up);
}

static int run_prepare(Run *run) {
        int r;

        r = run_choose_backend(run);
        if (r < 0)
                return r;
        r = run_check_limits(run);
        if (r < 0)
                return r;
        r = worker_user_find(
                        run->backend,
                        run->options.user ?: run->suite->settings.worker_user,
                        run->options.user ? "--user" : run->suite->settings.worker_user_place,
                        &run->user);
        if (r < 0)
                return r;
        if (!run->worker_path) {
                log_error("The program ptest-worker was not found (%s)", PTEST_WORKER_PATH);
                return -ENOENT;
        }
        r = run_apply_recycling(run);
        if (r < 0)
                return log_error_errno(r, "Failed to prepare the run: %m");
        r = run_collect_capabilities(run);
        if (r < 0)
                return log_error_errno(r, "Failed to find out what this machine can hold: %m");
        return run_explain_empty(run);
}

/* ---- The run ---- */

static void run_on_event(const Event *event, void *userdata) {
        Run *run = userdata;

        run_reports_on_event(run->reports, event);
}

static void run_on_progress(
                Coordinator *coordinator, const CoordinatorProgress *progress, void *userdata) {
        Run *run = userdata;

        run_reports_on_progress(run->reports, coordinator, progress);
}

/* To stderr: what is about this moment, and in no record, is no part of a report. */
static void run_on_status(const char *status, void *userdata) {
        status_text_log(status);
}

static void run_on_notice(const char *text, void *userdata) {
        (void)userdata;
        log_warning("%s", text);
}

static unsigned run_get_workers(const Run *run) {
        unsigned n = run->options.jobs > 0 ? run->options.jobs :
                                             jobs_get_default(run->suite->settings.workers);

        if (suite_may_grow(run->suite))
                return n;
        return (unsigned)MAX(MIN((size_t)n, run->suite->n_tests), 1U);
}

/* What the command line says of each test. */
static void run_set_traits(Suite *suite, const RunOptions *options) {
        TestTraits *traits;
        size_t cursor = 0;

        while ((traits = test_store_next_traits(suite->store, &cursor))) {
                traits->keep_failed = traits->keep_failed || options->keep_failed;
                if (options->stuck >= 0)
                        traits->limits.stuck = (uint16_t)options->stuck;
                if (options->again.retries_given)
                        traits->limits.retries = (uint16_t)options->again.retries;
                if (options->again.flaky_given)
                        traits->limits.flaky = (uint16_t)options->again.flaky;
        }
}

static int run_next_carried(Event **ret, void *userdata) {
        Run *run = userdata;

        return run_again_next_carried(&run->again, ret);
}

static int run_coordinate(Run *run, sd_id128_t run_id, Verdict *ret) {
        static const CoordinatorHandlers handlers = {
                .on_event = run_on_event,
                .on_progress = run_on_progress,
                .on_notice = run_on_notice,
                .on_status = run_on_status,
        };
        const SuiteSettings *settings = &run->suite->settings;
        _cleanup_(coordinator_freep) Coordinator *coordinator = NULL;
        unsigned fail_fast = run->options.fail_fast_given ? run->options.fail_fast :
                                                            settings->fail_fast;
        CoordinatorOrigin origin;
        int r;

        run_again_get_origin(&run->again, &origin);
        r = coordinator_new(
                        &(CoordinatorConfig){
                                        .run_id = run_id,
                                        .origin = origin,
                                        .backend = run->backend,
                                        .workers = run_get_workers(run),
                                        .fail_fast = fail_fast,
                                        .retry = {.repeat = run->options.again.repeat,
                                                  .stop_at_failed = fail_fast > 0},
                                        .n_carried_found = run_again_count_found(&run->again),
                                        .next_carried = run_again_is_resuming(&run->again) ?
                                                        run_next_carried :
                                                        NULL,
                                        .allow_no_tests = run->options.allow_no_tests ||
                                                        settings->allow_no_tests,
                                        .run_timeout_usec = settings->run_timeout_usec,
                                        .stop_usec = settings->stop_usec,
                                        .memory_max = settings->worker_memory_max,
                                        .tasks_max = settings->worker_tasks_max,
                                        .worker_path = run->worker_path,
                                        .user = run->user.name,
                                        .uid = run->user.uid,
                                        .gid = run->user.gid,
                                        .version = PTEST_VERSION,
                                        .command = run->command,
                                        .degraded = run->options.degraded,
                                        .empty_reason = run->empty_reason,
                                        .capabilities = run->capabilities,
                                        .handlers = &handlers,
                                        .userdata = run,
        },
                        run->suite,
                        run->recorder,
                        &coordinator);
        if (r < 0)
                return r;
        return coordinator_run(coordinator, ret);
}

static int run_execute(Run *run, Verdict *ret) {
        sd_id128_t run_id;
        int r;

        r = sd_id128_randomize(&run_id);
        if (r < 0)
                return log_error_errno(r, "Failed to make a run id: %m");
        r = recorder_new(run->options.state_dir, run->suite->name, run_id, true, &run->recorder);
        if (r < 0 && run->options.state_dir)
                return log_error_errno(
                                r,
                                "Cannot keep records of the run in %s (--state-dir= chooses where): %m",
                                run->options.state_dir);
        if (r < 0)
                return log_error_errno(
                                r,
                                "Cannot keep records of the run (--state-dir= chooses where): %m");
        r = run_reports_new(&run->options.reports, &run->reports);
        if (r >= 0)
                r = run_reports_set_history(
                                run->reports, &(SourceOptions){}, recorder_get_path(run->recorder));
        if (r < 0)
                return r;
        r = run_coordinate(run, run_id, ret);
        if (r < 0)
                return r;
        /* A report that was asked for and could not be written must not look like a pass. */
        if (run_reports_get_error(run->reports) < 0 && *ret == VERDICT_PASSED)
                *ret = VERDICT_MACHINERY_FAILED;
        recorder_prune(run->recorder,
                       run->options.keep_runs_given ? &run->options.keep_runs :
                                                      &run->suite->settings.keep_runs);
        return 0;
}

/* Before the first thread is made: nng's threads inherit the mask, and must not take our signals. */
static int run_block_signals(void) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}

/* The words of the command that is gone on with are in the place of those that were given. */
static int run_recall(Run *run, int *argc, char ***argv) {
        RunOptions options = {};
        int r;

        r = run_again_recall(&run->options, *argv, &run->words);
        if (r < 0)
                return r;
        r = run_options_parse((int)strv_length(run->words), run->words, &options);
        if (r < 0)
                return r;
        run_options_done(&run->options);
        run->options = options;
        *argc = (int)strv_length(run->words);
        *argv = run->words;
        if (options.targets)
                return 0;
        log_error("The run does not say which suite it was of: name it");
        return -EINVAL;
}

/* 0: there was a run; 1: there is nothing to be run, *ret_status; negative: it was wrong use, or the machinery failed */
static int run_once(Run *run, bool first, Verdict *ret, int *ret_status) {
        int r;

        r = suite_load(run->options.targets,
                       run->options.patterns,
                       &(LoadOptions){
                                       .worker = run->worker_path,
                                       .user = run->options.user,
                                       .isolation = run->options.isolation,
                                       .timeout_multiplier = run->options.timeout_multiplier,
                                       .timeout_usec = run->options.timeout_usec,
                       },
                       &run->suite);
        *ret_status = EXIT_WRONG_USE;
        if (r < 0)
                return r;
        run->n_selected = run->suite->n_tests;
        run_set_traits(run->suite, &run->options);
        r = run_again_prepare(&run->again, &run->options, first, run->suite, ret_status);
        if (r != 0)
                return r;
        r = run_prepare(run);
        if (r == -EOPNOTSUPP || r == -EPERM || r == -ESRCH)
                return r;
        if (r >= 0)
                r = run_execute(run, ret);
        *ret_status = verdict_to_exit_status(r < 0 ? VERDICT_MACHINERY_FAILED : *ret);
        return r;
}

/* Runs of their own, until one is not a pass. */
static int run_until_fail(Run *run) {
        const AgainOptions *again = &run->options.again;
        Verdict verdict = VERDICT_PASSED;
        unsigned n = 0;
        int status = 0, r;

        do {
                run_reset(run);
                r = run_once(run, n == 0, &verdict, &status);
                if (r != 0)
                        return status;
                n++;
        } while (again->until_fail && verdict == VERDICT_PASSED &&
                 (again->until_fail_max == 0 || n < again->until_fail_max));
        if (again->until_fail && verdict == VERDICT_PASSED)
                log_info("All %u runs have passed", n);
        else if (again->until_fail)
                log_warning("Run %u did not pass", n);
        return status;
}

int verb_run(int argc, char **argv) {
        _cleanup_(run_done) Run run = {};
        _cleanup_free_ char *arguments = NULL;
        int r;

        r = run_options_parse(argc, argv, &run.options);
        if (r >= 0 && !run.options.targets)
                r = run_recall(&run, &argc, &argv);
        if (r < 0)
                return EXIT_WRONG_USE;
        r = run_block_signals();
        if (r < 0) {
                log_error_errno(r, "Failed to block signals: %m");
                return verdict_to_exit_status(VERDICT_MACHINERY_FAILED);
        }
        arguments = text_quote_words(argv + 1);
        if (!arguments || text_setf(&run.command, "%s %s", argv[0], arguments) < 0)
                return verdict_to_exit_status(VERDICT_MACHINERY_FAILED);
        /* Without it only a suite without modules can be loaded, and none be run. */
        r = worker_path_find(&run.worker_path);
        if (r == -ENOMEM)
                return verdict_to_exit_status(VERDICT_MACHINERY_FAILED);
        return run_until_fail(&run);
}
