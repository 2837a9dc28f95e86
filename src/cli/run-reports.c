/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/run-reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "cli/page-history.h"
#include "report/github.h"

/* The display shows the oldest few; a run can have a thousand workers. */
#define REPORTS_RUNNING_MAX 64U
/* The terminal's, and two for GitHub, beside those that go to files */
#define REPORTS_MAX         (REPORT_FORMAT_MAX + 3)

typedef struct Report {
        Reporter *reporter;
        const char *what; /* for messages */
        bool failed;
} Report;

struct RunReports {
        Report reports[REPORTS_MAX];
        size_t n_reports;
        Reporter *terminal; /* weak: one of the above, or NULL */
        Reporter *page;     /* weak: the same */
        PageHistory *history;
        int error;
};

static int run_reports_add(RunReports *reports, int r, Reporter *reporter, const char *what) {
        if (r < 0)
                return log_error_errno(r, "Cannot write %s: %m", what);
        reports->reports[reports->n_reports++] = (Report){ .reporter = reporter, .what = what };
        return 0;
}

static int run_reports_add_terminal(RunReports *reports, const ReportOptions *options) {
        Reporter *reporter = NULL;
        int r;

        r = terminal_new(
                        &(TerminalOptions){
                                        .fd = STDOUT_FILENO,
                                        .verbosity = options->verbosity,
                                        .color = options->color,
                                        .log = options->log,
                                        .defuse = report_options_want_annotations(options),
                        },
                        &reporter);
        r = run_reports_add(reports, r, reporter, "to stdout");
        if (r >= 0)
                reports->terminal = reporter;
        return r;
}

/* Below the terminal's report, so that they do not stand between its lines. */
static int run_reports_add_annotations(RunReports *reports) {
        const char *summary = getenv("GITHUB_STEP_SUMMARY");
        Reporter *reporter = NULL;
        int r;

        r = github_new("-", &reporter);
        r = run_reports_add(reports, r, reporter, "annotations to stdout");
        if (r < 0 || !summary || !summary[0])
                return r;
        r = github_summary_new(summary, &reporter);
        /* Nobody asked for it, and a chroot or a container has the variable but not always the file. */
        if (r < 0 && r != -ENOMEM) {
                log_warning("No summary for GitHub, since $GITHUB_STEP_SUMMARY, %s, cannot be written: %s",
                            summary,
                            strerror(-r));
                return 0;
        }
        return run_reports_add(reports, r, reporter, summary);
}

static int run_reports_add_format(RunReports *reports, ReportFormat format, const char *path) {
        static int (*const constructors[REPORT_FORMAT_MAX])(const char *path, Reporter **ret) = {
                [REPORT_JUNIT] = junit_new,   [REPORT_TAP] = tap_new,
                [REPORT_JSONL] = jsonl_new,   [REPORT_SUBUNIT] = subunit_new,
                [REPORT_YOCTO] = yocto_new,   [REPORT_HTML] = html_new,
                [REPORT_GITHUB] = github_new,
        };
        Reporter *reporter = NULL;
        int r;

        if (!path)
                return 0;
        r = constructors[format](path, &reporter);
        if (r >= 0 && format == REPORT_HTML)
                reports->page = reporter;
        return run_reports_add(reports, r, reporter, strcmp(path, "-") == 0 ? "to stdout" : path);
}

int run_reports_new(const ReportOptions *options, RunReports **ret) {
        _cleanup_(run_reports_freep) RunReports *reports = calloc(1, sizeof(*reports));
        int r = 0;

        if (!reports)
                return -ENOMEM;
        /* A report that goes to stdout is all that stands there. */
        if (report_options_want_terminal(options))
                r = run_reports_add_terminal(reports, options);
        if (r >= 0 && report_options_want_annotations(options))
                r = run_reports_add_annotations(reports);
        for (ReportFormat format = 0; format < REPORT_FORMAT_MAX && r >= 0; format++)
                r = run_reports_add_format(reports, format, options->paths[format]);
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
        page_history_free(reports->history);
        free(reports);
        return NULL;
}

int run_reports_set_history(
                RunReports *reports, const SourceOptions *source, const char *run_file) {
        int r;

        if (!reports->page)
                return 0;
        r = page_history_new(source, run_file, &reports->history);
        if (r < 0)
                return log_error_errno(r, "Failed to look for earlier runs: %m");
        html_set_history(reports->page, page_history_give, reports->history);
        return 0;
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

int run_reports_get_error(const RunReports *reports) {
        return reports->error;
}
