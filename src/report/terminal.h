/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/reporter.h"

/*
 * The terminal: failures as they come, a live line on a tty, a heartbeat elsewhere, a summary at the end
 */

typedef enum TerminalVerbosity {
        TERMINAL_QUIET,   /* failures and the last line */
        TERMINAL_NORMAL,  /* a tty: failures above a live line; else: one line a test */
        TERMINAL_VERBOSE, /* a line for every test, workers' comings and goings */
} TerminalVerbosity;

typedef enum ColorMode {
        COLOR_AUTO, /* a tty, unless NO_COLOR is set and not empty, or TERM=dumb */
        COLOR_ALWAYS,
        COLOR_NEVER,
} ColorMode;

typedef struct TerminalOptions {
        int fd; /* stdout */
        TerminalVerbosity verbosity;
        ColorMode color;
        bool log; /* as where there is no terminal: a line for each test, nothing is cut to a width */
        bool defuse; /* so that GitHub's runner takes nothing for a command, see github_defuse() */
} TerminalOptions;

typedef struct TerminalRunning {
        const char *address;
        uint64_t age_usec;
} TerminalRunning;

typedef struct TerminalProgress {
        size_t planned, reported, bad;
        uint64_t elapsed_usec;
        uint64_t remaining_usec;        /* estimate; USEC_INFINITY: unknown */
        const TerminalRunning *running; /* oldest first */
        size_t n_running;
} TerminalProgress;

int terminal_new(const TerminalOptions *options, Reporter **ret);

/* Called a few times a second while a run goes on; draws the live line, or, without a tty, a heartbeat each minute. */
void terminal_update(Reporter *reporter, const TerminalProgress *progress);
