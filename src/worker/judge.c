/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/judge.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/text.h"

/* Statuses with a meaning of their own; automake and meson have the same. */
#define STATUS_SKIP  77
#define STATUS_ERROR 99

/* Each function below that judges gives an outcome, or -ENOMEM; *reason is set by text_setf(). */

static int judge_timeout(const JudgeFacts *facts, char **reason) {
        char limit[FORMAT_MAX];
        const char *asked = signal_to_name(facts->sent_signal);
        int r;

        format_time(limit, facts->timeout_usec);
        if (facts->code == 0)
                r = text_setf(reason,
                              "ran longer than %s; could not be ended, not even by SIGKILL",
                              limit);
        else if (facts->sent_kill && facts->sent_signal == 0)
                r = text_setf(reason, "ran longer than %s; ended by SIGKILL", limit);
        else if (facts->sent_kill)
                r = text_setf(reason,
                              "ran longer than %s; did not end on %s, ended by SIGKILL",
                              limit,
                              asked);
        else if (facts->code == CLD_EXITED)
                r = text_setf(reason,
                              "ran longer than %s; ended by %s with exit status %d",
                              limit,
                              asked,
                              facts->status);
        else
                r = text_setf(reason,
                              "ran longer than %s; ended by %s",
                              limit,
                              signal_to_name(facts->status));
        return r < 0 ? r : PTEST_OUTCOME_TIMEOUT;
}

static int judge_interrupted(const JudgeFacts *facts, char **reason) {
        char duration[FORMAT_MAX];
        int r;

        r = text_setf(reason, "interrupted after %s", format_time(duration, facts->duration_usec));
        return r < 0 ? r : PTEST_OUTCOME_NOT_RUN;
}

static int judge_oom(const JudgeFacts *facts, char **reason) {
        _cleanup_free_ char *cause = NULL;
        char limit[FORMAT_MAX], peak[FORMAT_MAX];
        int r;

        if (facts->oom_own && facts->memory_max != SIZE_INFINITY)
                r = text_setf(&cause,
                              "at the memory limit of %s",
                              format_size(limit, facts->memory_max));
        else
                r = text_setf(&cause,
                              "for lack of memory, at a limit above its worker's or of the machine");
        if (r < 0)
                return r;

        if (facts->code == CLD_EXITED)
                r = text_setf(reason,
                              "one of its processes was killed %s; exit status %d",
                              cause,
                              facts->status);
        else
                r = text_setf(reason, "killed %s", cause);
        if (r >= 0 && facts->memory_peak != SIZE_UNKNOWN) {
                _cleanup_free_ char *text = TAKE_PTR(*reason);

                r = text_setf(reason, "%s (peak %s)", text, format_size(peak, facts->memory_peak));
        }
        return r < 0 ? r : PTEST_OUTCOME_OOM;
}

static int judge_crash(const JudgeFacts *facts, char **reason) {
        _cleanup_free_ char *progress = NULL;
        int r;

        if (facts->report && facts->report->n_points > 0) {
                r = text_setf(&progress,
                              " after %" PRIu64 " point%s",
                              facts->report->n_points,
                              facts->report->n_points == 1 ? "" : "s");
                if (r < 0)
                        return r;
        }
        r = text_setf(reason,
                      "killed by %s%s%s",
                      signal_to_name(facts->status),
                      facts->code == CLD_DUMPED ? " (core dumped)" : "",
                      progress ?: "");
        return r < 0 ? r : PTEST_OUTCOME_CRASH;
}

static int judge_report(const JudgeFacts *facts, char **reason) {
        const Report *report = facts->report;
        bool good = report->outcome == PTEST_OUTCOME_PASS || report->outcome == PTEST_OUTCOME_SKIP;
        int r;

        if (facts->status == 0 || report->n_failed > 0) {
                /* A program with failed points ends with another status than 0: nothing to add. */
                r = report->reason ? text_setf(reason, "%s", report->reason) : 0;
                return r < 0 ? r : (int)report->outcome;
        }
        if (!good)
                r = text_setf(reason, "%s; exit status %d", report->reason, facts->status);
        else if (report->n_points == 1)
                r = text_setf(reason, "its only point passed, but exit status %d", facts->status);
        else if (report->n_points > 1)
                r = text_setf(reason,
                              "all %" PRIu64 " points passed, but exit status %d",
                              report->n_points,
                              facts->status);
        else
                r = text_setf(reason, "exit status %d", facts->status);
        return r < 0 ? r : PTEST_OUTCOME_FAIL;
}

static bool facts_are_skip(const JudgeFacts *facts) {
        const Report *report = facts->report;

        return facts->status == STATUS_SKIP &&
                        (!report || (report->n_points == 0 && !report->planned));
}

static int judge_exit(const JudgeFacts *facts, char **reason) {
        int r = 0;

        if (facts->status == STATUS_ERROR) {
                r = text_setf(reason, "exit status 99: the test could not do its work");
                return r < 0 ? r : PTEST_OUTCOME_ERROR;
        }
        if (facts_are_skip(facts)) {
                r = text_setf(reason, "%s", facts->last_line ?: "exit status 77");
                return r < 0 ? r : PTEST_OUTCOME_SKIP;
        }
        if (facts->report)
                return judge_report(facts, reason);
        if (facts->status == 0)
                return PTEST_OUTCOME_PASS;
        r = text_setf(reason, "exit status %d", facts->status);
        return r < 0 ? r : PTEST_OUTCOME_FAIL;
}

/* By itself, or a shell that tells that its command was: nobody else exits with 128 + SIGKILL. */
static bool facts_are_oom(const JudgeFacts *facts) {
        if (!facts->oom_kill)
                return false;
        if (facts->code == CLD_EXITED)
                return facts->status == 128 + SIGKILL;
        return facts->status == SIGKILL;
}

/* How a bail-out ended is told beside its reason: GLib aborts, others exit with a status. */
static int judge_bail_out(const JudgeFacts *facts, char **reason) {
        int r;

        if (facts->code == CLD_EXITED)
                r = text_setf(reason, "%s", facts->report->reason);
        else
                r = text_setf(reason,
                              "%s; killed by %s",
                              facts->report->reason,
                              signal_to_name(facts->status));
        return r < 0 ? r : PTEST_OUTCOME_ERROR;
}

static int judge_end(const JudgeFacts *facts, char **reason) {
        if (facts->start_error) {
                int r = text_setf(reason, "%s", facts->start_error);

                return r < 0 ? r : PTEST_OUTCOME_ERROR;
        }
        if (facts->interrupted)
                return judge_interrupted(facts, reason);
        if (facts->timed_out)
                return judge_timeout(facts, reason);

        assert(facts->code != 0); /* only what was to be ended can fail to end */
        if (facts_are_oom(facts))
                return judge_oom(facts, reason);
        if (facts->report && facts->report->bailed_out)
                return judge_bail_out(facts, reason);
        if (facts->code != CLD_EXITED)
                return judge_crash(facts, reason);
        return judge_exit(facts, reason);
}

static int judge_should_fail(Outcome outcome, char **reason) {
        _cleanup_free_ char *failure = NULL;
        int r;

        switch (outcome) {
        case PTEST_OUTCOME_PASS:
                r = text_setf(reason, "passed although it should fail");
                return r < 0 ? r : PTEST_OUTCOME_XPASS;
        case PTEST_OUTCOME_FAIL:
        case PTEST_OUTCOME_XPASS: /* of one of its points, which made it fail */
        case PTEST_OUTCOME_CRASH:
                failure = TAKE_PTR(*reason);
                r = text_setf(reason, "failed as expected: %s", failure);
                return r < 0 ? r : PTEST_OUTCOME_XFAIL;
        default:
                return outcome;
        }
}

int judge(const JudgeFacts *facts, Outcome *ret_outcome, char **ret_reason) {
        _cleanup_free_ char *reason = NULL;
        int outcome;

        outcome = judge_end(facts, &reason);
        if (outcome >= 0 && facts->should_fail)
                outcome = judge_should_fail((Outcome)outcome, &reason);
        if (outcome < 0)
                return outcome;

        *ret_outcome = (Outcome)outcome;
        *ret_reason = TAKE_PTR(reason);
        return 0;
}
