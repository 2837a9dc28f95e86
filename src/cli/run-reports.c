/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/run-reports.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/log.h"

/* The display shows the oldest few; a run can have a thousand workers. */
#define REPORTS_RUNNING_MAX 64U

typedef struct Report {
        Reporter *reporter;
        const char *what; /* for messages */
        bool failed;
} Report;

struct RunReports {
        Report reports[3];
        size_t n_reports;
        Reporter *terminal; /* weak: one of the above, or NULL */
        int error;
};

static int run_reports_add(RunReports *reports, int r, Reporter *reporter, const char *what) {
        if (r < 0)
                return log_error_errno(r, "Cannot write %s: %m", what);
        reports->reports[reports->n_reports++] = (Report){ .reporter = reporter, .what = what };
        return 0;
}

static int run_reports_add_terminal(
                RunReports *reports, const RunOptions *options, const char *run_file) {
        Reporter *reporter = NULL;
        int r;

        r = terminal_new(
                        &(TerminalOptions){
                                        .fd = STDOUT_FILENO,
                                        .verbosity = options->verbosity,
                                        .color = options->color,
                                        .run_file = run_file,
                        },
                        &reporter);
        r = run_reports_add(reports, r, reporter, "to the terminal");
        if (r < 0)
                return r;
        reports->terminal = reporter;
        if (options->degraded)
                terminal_print_notice(reporter, options->degraded);
        return 0;
}

int run_reports_new(const RunOptions *options, const char *run_file, RunReports **ret) {
        _cleanup_(run_reports_freep) RunReports *reports = calloc(1, sizeof(*reports));
        Reporter *reporter = NULL;
        int r = 0;

        if (!reports)
                return -ENOMEM;
        /* A report that goes to stdout is all that stands there. */
        if ((!options->tap || options->tap_path) &&
            !(options->junit && fd_is_path(STDOUT_FILENO, options->junit)))
                r = run_reports_add_terminal(reports, options, run_file);
        if (r >= 0 && options->junit) {
                r = junit_new(options->junit, &reporter);
                r = run_reports_add(reports, r, reporter, options->junit);
        }
        if (r >= 0 && options->tap) {
                r = tap_new(options->tap_path, &reporter);
                r = run_reports_add(reports, r, reporter, options->tap_path ?: "TAP to stdout");
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reports);
        return 0;
}

RunReports *run_reports_free(RunReports *reports) {
        if (!reports)
                return NULL;
        for (size_t i = 0; i < reports->n_reports; i++)
                reporter_free(reports->reports[i].reporter);
        free(reports);
        return NULL;
}

void run_reports_on_event(RunReports *reports, const Event *event) {
        for (size_t i = 0; i < reports->n_reports; i++) {
                Report *report = &reports->reports[i];
                int r;

                if (report->failed)
                        continue;
                r = reporter_on_event(report->reporter, event);
                if (r >= 0)
                        continue;
                report->failed = true;
                if (reports->error == 0)
                        reports->error = r;
                log_error_errno(r, "Cannot write %s: %m", report->what);
        }
}

static int running_compare(const void *a, const void *b) {
        const TerminalRunning *x = a, *y = b;

        return x->age_usec == y->age_usec ? 0 : x->age_usec > y->age_usec ? -1 : 1;
}

void run_reports_on_progress(
                RunReports *reports,
                const Coordinator *coordinator,
                const CoordinatorProgress *progress) {
        TerminalRunning running[REPORTS_RUNNING_MAX];
        size_t n = 0;

        if (!reports->terminal)
                return;
        for (unsigned i = 0; i < progress->slots && n < ELEMENTSOF(running); i++)
                n += coordinator_get_running(
                                coordinator, i, &running[n].address, &running[n].age_usec);
        qsort(running, n, sizeof(running[0]), running_compare);
        terminal_update(reports->terminal,
                        &(TerminalProgress){
                                        .planned = progress->planned,
                                        .reported = progress->reported,
                                        .bad = progress->bad,
                                        .elapsed_usec = progress->elapsed_usec,
                                        .remaining_usec = progress->remaining_usec,
                                        .running = running,
                                        .n_running = n,
                        });
}

void run_reports_on_notice(RunReports *reports, const char *text) {
        if (reports->terminal)
                terminal_print_notice(reports->terminal, text);
        else
                log_warning("%s", text);
}

int run_reports_get_error(const RunReports *reports) {
        return reports->error;
}
