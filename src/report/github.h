/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"
#include "report/reporter.h"

/*
 * What GitHub's runner makes of a step's output: annotations, and a summary
 */

/*
 * "::error title=ADDRESS::what happened" for the first failures, "::warning" for the first flaky tests, when the run has
 * finished: GitHub shows ten of each of a step. path "-": stdout
 */
int github_new(const char *path, Reporter **ret);

/* The counts and a table of the first failures, in Markdown, at the end of a file ($GITHUB_STEP_SUMMARY). */
int github_summary_new(const char *path, Reporter **ret);

/*
 * Lines as a person's report has them, which the runner must not take for commands, whatever tests print: no "##["
 * anywhere, no "::" at the begin of a line.
 */
void github_defuse(Buffer *text);
