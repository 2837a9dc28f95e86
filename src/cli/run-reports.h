/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/report-options.h"
#include "coordinator/coordinator.h"
#include "record/source.h"

/*
 * The reports of one run, live or read back: each gets every event; one that fails is told once and left alone
 */

typedef struct RunReports RunReports;

/* Logs what is wrong. */
int run_reports_new(const ReportOptions *options, RunReports **ret);
RunReports *run_reports_free(RunReports *reports);
DEFINE_CLEANUP(RunReports, run_reports_free);

/*
 * Tells a page, if there is one among them, where to look for the runs before this one: where this run's file is, or, if
 * that is NULL, in the source. Logs what is wrong.
 */
int run_reports_set_history(RunReports *reports, const SourceOptions *source, const char *run_file);

void run_reports_on_event(RunReports *reports, const Event *event);
void run_reports_on_progress(
                RunReports *reports,
                const Coordinator *coordinator,
                const CoordinatorProgress *progress);

/* The first error of a report that could not be written, or 0. */
int run_reports_get_error(const RunReports *reports);
