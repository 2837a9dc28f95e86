/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/report-options.h"
#include "coordinator/coordinator.h"

/*
 * The reports of one run, live or read back: each gets every event; one that fails is told once and left alone
 */

typedef struct RunReports RunReports;

/* Logs what is wrong. */
int run_reports_new(const ReportOptions *options, RunReports **ret);
RunReports *run_reports_free(RunReports *reports);
DEFINE_CLEANUP(RunReports, run_reports_free);

void run_reports_on_event(RunReports *reports, const Event *event);
void run_reports_on_progress(
                RunReports *reports,
                const Coordinator *coordinator,
                const CoordinatorProgress *progress);

/* The first error of a report that could not be written, or 0. */
int run_reports_get_error(const RunReports *reports);
