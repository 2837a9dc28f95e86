/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/terminal.h"

#include <argp.h>
#include <stdbool.h>

/*
 * Which reports are wanted, and where: the options that "ptest run" and "ptest report" share
 */

typedef enum ReportFormat {
        REPORT_JUNIT,
        REPORT_TAP,
        REPORT_JSONL,
        REPORT_SUBUNIT,
        REPORT_YOCTO,
        REPORT_HTML,
        REPORT_GITHUB,
        REPORT_FORMAT_MAX,
} ReportFormat;

typedef enum ReportGithub {
        REPORT_GITHUB_AUTO, /* where $GITHUB_ACTIONS is set */
        REPORT_GITHUB_NO,
        REPORT_GITHUB_YES,
} ReportGithub;

typedef struct ReportOptions {
        TerminalVerbosity verbosity;
        ColorMode color;
        /* NULL: not wanted; "-": stdout, in place of the terminal's report. Borrowed from argv. */
        const char *paths[REPORT_FORMAT_MAX];
        ReportGithub github; /* annotations below the terminal's report */
        bool files_only; /* the terminal's report only if nothing else is wanted; set by the verb */
        bool log;        /* as where there is no terminal, wherever stdout goes; set by the verb */
} ReportOptions;

#define REPORT_OPTIONS_DEFAULT               \
        (ReportOptions) {                    \
                .verbosity = TERMINAL_NORMAL \
        }

/* A child of a verb's argp, whose input is a ReportOptions. Wrong use is told, and ends the parsing with EINVAL. */
extern const struct argp report_options_argp;

/* "junit"; as in --junit */
const char *report_format_to_string(ReportFormat format);

/* Whether a person's report is printed to stdout. */
bool report_options_want_terminal(const ReportOptions *options);
/* Whether it has annotations for GitHub in it. */
bool report_options_want_annotations(const ReportOptions *options);
