/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/oom.h"
#include "worker/report.h"

#include "model/test.h"

/*
 * Judge: from how a test's process ended, and what it reported, to its outcome
 *
 * Pure. In this order; the first that applies decides:
 *
 *      could not be started                         error
 *      interrupted for the run's end                not-run
 *      ran into its time limit                      timeout
 *      SIGKILL by the kernel for lack of memory     oom, also if a shell exits with 137 for its command, and if
 *                                                   it failed in any other way where the victim is known to be its
 *      exit status 99                               error
 *      exit status 77                               skip (TAP: only without a plan and points; meson says error,
 *                                                   but a test that says "skip" before it prints TAP means it)
 *      Bail out!                                    error, also if abort() follows, as in GLib
 *      any other signal                             crash
 *      what it reported, and its exit status        pass, fail, skip, xpass, error
 *
 * A test that should fail: pass becomes xpass; fail, xpass and crash become xfail (a signal is a failure, as
 * meson and automake have it). The others stay: a timeout, an oom, a 77 or 99 is not the expected failure.
 * A signal that we sent is never a crash: where we sent one, the outcome is timeout or not-run.
 */

typedef struct JudgeFacts {
        TestProtocol protocol;
        bool should_fail;

        const char *start_error; /* why it could not be started, in words; NULL: it was */

        int code;   /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: it did not end */
        int status; /* exit status or signal */
        uint64_t duration_usec;

        bool timed_out;
        bool interrupted;
        bool seen_late; /* nobody watched the limit, and it was over by far when the end was seen */
        uint64_t timeout_usec;
        int sent_signal; /* what it was asked to end with; 0: it was not asked */
        bool sent_kill;

        OomEvidence oom;        /* the kernel killed something for lack of memory while it ran */
        uint64_t memory_peak;   /* its own; SIZE_UNKNOWN */
        uint64_t forks_refused; /* at tasks_max */
        uint64_t tasks_max;

        const Report *report;  /* of protocols that report; NULL otherwise */
        const char *last_line; /* of its output, for the reason of a skip; may be NULL */
} JudgeFacts;

/* *ret_reason is NULL for a plain pass. */
int judge(const JudgeFacts *facts, Outcome *ret_outcome, char **ret_reason);
