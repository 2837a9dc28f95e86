/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "basic/macros.h"
#include "ptest/protocol.h"

/*
 * Stuck report: what processes are doing that should have ended by now
 *
 *      ptest-worker --stuck-report [--below] [--no-stacks] [--freeze=DIR] [--more=N] PID…
 *
 * Written to stdout by a process of its own, because looking at a stuck process can hang: who wants the report gives it
 * a time limit (basic/helper.h), and has what was written so far if that is over. First comes what is lost as soon as the
 * processes are held: state, and where each thread waits. Then they are held, by the freezer of the cgroup DIR
 * or else by SIGSTOP, and looked at in more detail; last a debugger is asked for their stacks, if there is one.
 *
 * They stay held: who ends them sends a signal first and lets them go then (SIGCONT, and "0" to DIR/cgroup.freeze), so
 * that nothing happens between. One that was stopped before stays so.
 *
 * Lines that do not begin with a space are the short form: the tree of processes, and the innermost functions of threads.
 */

#define STUCK_REPORT_OPTION PTEST_STUCK_REPORT_OPTION
#define STUCK_REPORT_BELOW  PTEST_STUCK_REPORT_BELOW /* also all descendants of those named */
#define STUCK_REPORT_BRIEF  PTEST_STUCK_REPORT_NO_STACKS
#define STUCK_REPORT_FREEZE "--freeze="
#define STUCK_REPORT_MORE   "--more=" /* so many processes are not named */

/* Bytes of a report; its head is kept. */
#define STUCK_REPORT_SIZE_MAX ((size_t)PTEST_STUCK_REPORT_SIZE_MAX)

/* When it stops looking by itself, and when it is to be killed. */
#define STUCK_REPORT_LOOK_USEC       (2500 * USEC_PER_MSEC)
#define STUCK_REPORT_MAX_USEC        ((uint64_t)PTEST_STUCK_REPORT_MAX)
#define STUCK_REPORT_BRIEF_LOOK_USEC (700 * USEC_PER_MSEC)
#define STUCK_REPORT_BRIEF_MAX_USEC  ((uint64_t)PTEST_STUCK_REPORT_BRIEF_MAX)

/* Processes that are named; what their number is beyond is said. */
#define STUCK_REPORT_PROCESSES_MAX 64U

/* The words after STUCK_REPORT_OPTION; an exit status */
int stuck_report_main(char *const *words);
