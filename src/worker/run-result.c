/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What came of a run: what it used, what the kernel did to it, and its outcome
 */

#include "worker/run-internal.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "worker/exports.h"
#include "worker/judge.h"
#include "worker/leak.h"

/* A reason is one line; what is longer is no reason but an output. */
#define SKIP_REASON_MAX 200

/* On top of a time limit. */
#define SEEN_LATE_USEC (5 * USEC_PER_SEC)

/*
 * What a process used before it became its program counts in the kernel's number, and that was our memory: a
 * peak below our own says nothing of the test.
 */
static uint64_t run_get_memory_peak(const Run *run) {
        struct rusage own;

        if (run->maxrss <= 0 || getrusage(RUSAGE_SELF, &own) < 0 || run->maxrss <= own.ru_maxrss)
                return SIZE_UNKNOWN;
        return (uint64_t)run->maxrss * KIB;
}

/* What the kernel counted for all of the test together, instead of what its processes told when they ended. */
static void run_fill_cell_usage(Run *run) {
        Result *result = run->result;
        CellUsage usage;

        cell_read_usage(run->cell, &usage);
        if (usage.has_cpu) {
                result->cpu_user_usec = usage.user_usec;
                result->cpu_system_usec = usage.system_usec;
        }
        if (usage.memory_peak != SIZE_UNKNOWN)
                result->memory_peak = usage.memory_peak;
        result->tasks_peak = usage.tasks_peak;
        result->read_bytes = usage.read_bytes;
        result->write_bytes = usage.write_bytes;
}

static void run_fill_usage(Run *run) {
        Result *result = run->result;
        uint64_t timeout = run->test->timeout_usec;

        result->cpu_user_usec = run->user_usec;
        result->cpu_system_usec = run->system_usec;
        result->memory_peak = run_get_memory_peak(run);
        if (run->cell)
                run_fill_cell_usage(run);
        if (timeout != USEC_INFINITY && result->duration_usec > timeout / 2)
                result->marks |= PTEST_MARK_SLOW;
}

static void run_fill_status(Run *run, JudgeFacts *facts) {
        Result *result = run->result;

        if (!run->reaped || run->start_error)
                return;
        if (WIFEXITED(run->status)) {
                facts->code = CLD_EXITED;
                facts->status = result->exit_status = WEXITSTATUS(run->status);
                return;
        }
        facts->code = WCOREDUMP(run->status) ? CLD_DUMPED : CLD_KILLED;
        facts->status = result->signal = WTERMSIG(run->status);
        result->core_dumped = WCOREDUMP(run->status);
        if (result->core_dumped)
                result->pid = run->pid;
}

static int run_find_start_error(Run *run) {
        SpawnSpec spec = run_get_spec(run);

        if (run->start_error || !run->reaped || !run->test->argv || !WIFEXITED(run->status))
                return 0;
        return spawner_explain(run->runner->spawner, &spec, &run->start_error);
}

static int run_find_last_line(const Run *run, char **ret) {
        int r;

        r = capture_find_last_line(&run->result->out, SKIP_REASON_MAX, ret);
        if (r < 0 || *ret)
                return r;
        return capture_find_last_line(&run->result->err, SKIP_REASON_MAX, ret);
}

/*
 * Its worker did not run meanwhile, for somebody had stopped it: when the test ended is not known, and a duration
 * beyond the limit is no pass. What a busy machine delays a worker by is far less.
 */
static bool run_was_seen_late(const Run *run) {
        return !escalation_has_begun(&run->escalation) &&
                        run->result->duration_usec >=
                        usec_add(run->test->timeout_usec, SEEN_LATE_USEC);
}

/* What the kernel did to it. */
static void run_fill_evidence(Run *run, JudgeFacts *facts) {
        CellEvents events = {};

        if (run->cell)
                cell_read_events(run->cell, &events);
        facts->forks_refused = events.forks_refused;
        if (run->cell && cgroup_tree_has_controller(run->runner->tree, "memory"))
                oom_watch_look_in(run->runner->oom, run->cell, &(CellEvents){}, &facts->oom);
        else
                oom_watch_look(run->runner->oom, &facts->oom);
        if (facts->oom.kill && facts->oom.victim == 0 && run->killed_pid > 0) {
                facts->oom.victim = run->killed_pid;
                memcpy(facts->oom.victim_name, run->killed_name, sizeof(run->killed_name));
        }
        facts->tasks_max = run->test->limits.tasks_max;
        facts->memory_peak = run->result->memory_peak;
        if (facts->memory_peak == SIZE_UNKNOWN)
                facts->memory_peak = facts->oom.memory_peak;
}

static int run_judge(Run *run, const Report *report) {
        _cleanup_free_ char *last_line = NULL, *reason = NULL;
        bool begun = escalation_has_begun(&run->escalation);
        JudgeFacts facts = {
                .protocol = run->test->protocol,
                .should_fail = run->test->should_fail,
                .start_error = run->start_error,
                .timed_out = begun && !run->interrupted,
                .interrupted = begun && run->interrupted,
                .seen_late = run_was_seen_late(run),
                .timeout_usec = run->test->timeout_usec,
                .sent_signal = run->sent_signal ? run->test->timeout_signal : 0,
                .sent_kill = run->sent_kill,
                .report = report,
                .duration_usec = run->result->duration_usec,
        };
        int r;

        run_fill_status(run, &facts);
        run_fill_evidence(run, &facts);

        r = run_find_last_line(run, &last_line);
        if (r < 0)
                return r;
        facts.last_line = last_line;

        r = judge(&facts, &run->result->outcome, &reason);
        if (r >= 0)
                r = oom_evidence_tell(&facts.oom, run->result);
        if (r < 0)
                return r;
        free(run->result->reason);
        run->result->reason = TAKE_PTR(reason);
        return 0;
}

/* What a fixture said last is the best reason that there is. */
static int run_explain_fixture(Run *run) {
        _cleanup_free_ char *last_line = NULL, *old = NULL;
        int r;

        if (run->spec.role == PTEST_ROLE_TEST || run->result->outcome == PTEST_OUTCOME_PASS ||
            run->result->outcome == PTEST_OUTCOME_SKIP)
                return 0;
        r = capture_find_last_line(&run->result->err, SKIP_REASON_MAX, &last_line);
        if (r >= 0 && !last_line)
                r = capture_find_last_line(&run->result->out, SKIP_REASON_MAX, &last_line);
        if (r < 0 || !last_line)
                return r;
        old = TAKE_PTR(run->result->reason);
        return result_set_reason(
                        run->result,
                        "%s: %s",
                        old ?: outcome_to_string(run->result->outcome),
                        last_line);
}

/* What it wrote that cannot be understood fails a set-up. */
static int run_read_exports(Run *run, char ***ret) {
        _cleanup_free_ char *problem = NULL;
        int r;

        if (!run->spec.exports_path)
                return 0;
        r = exports_read(run->spec.exports_path, ret, &problem);
        if (r < 0 || !problem || run->result->outcome != PTEST_OUTCOME_PASS)
                return r;
        run->result->outcome = PTEST_OUTCOME_ERROR;
        return result_set_reason(run->result, "%s", problem);
}

int run_finish(Run *run, Result **ret, char ***ret_exported) {
        _cleanup_strv_ char **exported = NULL;
        _cleanup_(report_done) Report report = {};
        int r;

        assert(run->state == RUN_ENDED);
        assert(run->result);

        r = run_find_start_error(run);
        if (r < 0)
                return r;
        r = output_finish(&run->output, run->result, &report);
        if (r < 0)
                return r;
        run_fill_usage(run);
        r = run_judge(run, r > 0 ? &report : NULL);
        if (r >= 0)
                r = leaks_judge(run->spec.role == PTEST_ROLE_TEST ?
                                                (LeakPolicy)run->test->limits.leaks :
                                                LEAKS_MARK,
                                run->result);
        if (r < 0)
                return r;
        r = run_explain_fixture(run);
        if (r >= 0)
                r = run_read_exports(run, &exported);
        if (r < 0)
                return r;
        r = run->report ? stuck_take(run->report, &run->result->stuck) : 0;
        if (r >= 0 && run->private)
                r = private_end(run->private, run->test->keep_failed, run->result);
        if (r < 0)
                return r;
        *ret_exported = TAKE_PTR(exported);
        *ret = TAKE_PTR(run->result);
        return 0;
}
