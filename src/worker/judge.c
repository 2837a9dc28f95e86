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
        char limit[FORMAT_MAX], duration[FORMAT_MAX];
        const char *asked = signal_to_name(facts->sent_signal);
        int r;

        format_time(limit, facts->timeout_usec);
        if (facts->seen_late)
                r = text_setf(reason,
                              "its limit of %s was over by far when its end was seen, after %s: its worker had stood still",
                              limit,
                              format_time(duration, facts->duration_usec));
        else if (facts->code == 0)
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
        else if (facts->code == CLD_EXITED && facts->sent_signal == 0)
                r = text_setf(reason,
                              "ran longer than %s; ended by itself with exit status %d",
                              limit,
                              facts->status);
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

/* Less than this part of a limit is what a worker needs itself. */
#define OOM_BESIDE_PART 8U

/* " (its peak was 64M)"; NULL: not known */
static int oom_describe_peak(const JudgeFacts *facts, char **ret) {
        const OomEvidence *oom = &facts->oom;
        char size[FORMAT_MAX], beside[FORMAT_MAX];

        if (facts->memory_peak == SIZE_UNKNOWN)
                return 0;
        if (oom->owner != OOM_OWNER_WORKER ||
            oom->memory_beside < oom->memory_max / OOM_BESIDE_PART)
                return text_setf(ret, " (its peak was %s)", format_size(size, facts->memory_peak));
        return text_setf(
                        ret,
                        " (its peak was %s; %s more were not its own, such as files that earlier tests left in a tmpfs)",
                        format_size(size, facts->memory_peak),
                        format_size(beside, oom->memory_beside));
}

/* "at its own memory limit of 64M", and how much it had at most. */
static int oom_describe_limit(const JudgeFacts *facts, char **ret) {
        const OomEvidence *oom = &facts->oom;
        _cleanup_free_ char *text = NULL, *limit = NULL, *peak = NULL;
        char size[FORMAT_MAX];
        int r = 0;

        if (oom->memory_max != SIZE_INFINITY)
                r = text_setf(&limit, " %s", format_size(size, oom->memory_max));
        if (r < 0)
                return r;
        switch (oom->owner) {
        case OOM_OWNER_TEST:
        case OOM_OWNER_WORKER:
                r = text_setf(&text,
                              "at its %s memory limit%s%s",
                              oom->owner == OOM_OWNER_TEST ? "own" : "worker's",
                              limit ? " of" : "",
                              limit ?: "");
                break;
        case OOM_OWNER_SLICE:
                r = text_setf(&text,
                              "at the memory limit of %s%s%s",
                              oom->unit ?: "a slice",
                              limit ? "," : "",
                              limit ?: "");
                break;
        case OOM_OWNER_MACHINE:
                r = text_setf(&text, "because the machine had no memory left");
                break;
        default:
                r = text_setf(&text,
                              "for lack of memory, at a limit above its worker's or of the machine");
        }
        if (r >= 0)
                r = oom_describe_peak(facts, &peak);
        return r < 0 ? r : text_setf(ret, "%s%s", text, peak ?: "");
}

static int judge_oom(const JudgeFacts *facts, char **reason) {
        const OomEvidence *oom = &facts->oom;
        _cleanup_free_ char *cause = NULL, *victim = NULL;
        int r;

        r = oom_describe_limit(facts, &cause);
        if (r >= 0 && oom->victim > 0)
                r = text_setf(&victim, "%s (pid %d) was ", oom->victim_name, (int)oom->victim);
        else if (r >= 0 && facts->code == CLD_EXITED)
                r = text_setf(&victim, "one of its processes was ");
        if (r < 0)
                return r;

        if (facts->code == CLD_EXITED)
                r = text_setf(reason,
                              "%skilled %s; exit status %d",
                              victim ?: "",
                              cause,
                              facts->status);
        else
                r = text_setf(reason, "%skilled %s", victim ?: "", cause);
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
        else if (report->outcome == PTEST_OUTCOME_SKIP && report->planned && report->reason)
                r = text_setf(reason,
                              "skipped (%s), but exit status %d",
                              report->reason,
                              facts->status);
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

/*
 * By itself, or a shell that tells that its command was: nobody else exits with 128 + SIGKILL. Where the victim is known
 * to be of the test, every failure comes from it.
 */
static bool facts_are_oom(const JudgeFacts *facts) {
        if (!facts->oom.kill)
                return false;
        if (facts->code != CLD_EXITED)
                return facts->status == SIGKILL;
        return facts->status == 128 + SIGKILL ||
                        (facts->oom.in_cell && facts->status != 0 && facts->status != STATUS_SKIP);
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
        if (facts->timed_out || facts->seen_late)
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

/* A program that cannot fork fails in many ways; few of them say so. */
static int judge_tell_refused_forks(const JudgeFacts *facts, Outcome outcome, char **reason) {
        _cleanup_free_ char *begin = NULL, *times = NULL;
        int r;

        if (facts->forks_refused == 0 || !*reason || !outcome_is_bad(outcome))
                return 0;
        r = facts->forks_refused == 1 ?
                        text_setf(&times, "once") :
                        text_setf(&times, "%" PRIu64 " times", facts->forks_refused);
        if (r < 0)
                return r;
        begin = TAKE_PTR(*reason);
        if (facts->tasks_max == UINT64_MAX)
                return text_setf(
                                reason,
                                "%s; it could not fork %s, at a limit of tasks above its own",
                                begin,
                                times);
        return text_setf(
                        reason,
                        "%s; it could not fork %s, at its limit of %" PRIu64 " task%s",
                        begin,
                        times,
                        facts->tasks_max,
                        facts->tasks_max == 1 ? "" : "s");
}

int judge(const JudgeFacts *facts, Outcome *ret_outcome, char **ret_reason) {
        _cleanup_free_ char *reason = NULL;
        int outcome;

        outcome = judge_end(facts, &reason);
        if (outcome >= 0) {
                int r = judge_tell_refused_forks(facts, (Outcome)outcome, &reason);

                if (r < 0)
                        return r;
        }
        if (outcome >= 0 && facts->should_fail)
                outcome = judge_should_fail((Outcome)outcome, &reason);
        if (outcome < 0)
                return outcome;

        *ret_outcome = (Outcome)outcome;
        *ret_reason = TAKE_PTR(reason);
        return 0;
}
