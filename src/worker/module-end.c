/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a worker does when a module host has ended, however it did
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/descendants.h"
#include "worker/judge.h"
#include "worker/module-crash.h"
#include "worker/module-internal.h"
#include "worker/oom.h"

/* Hosts that may end one after the other while no test runs, before the next request pays for it. */
#define IDLE_DEATHS_MAX 3

/* The step that the host was at, as a record of its own; not yet judged. */
static void step_to_record(ModuleHost *host, ModuleResultRecord *record) {
        const ModuleCurrent *current = &host->memory.area->current;
        const uint64_t now = clock_monotonic(), started = atomic_load(&current->started_usec);

        *record = (ModuleResultRecord){
                .id = atomic_load(&current->id),
                .duration_usec = now > started ? now - started : 0,
                .out_start = atomic_load(&current->out_start),
                .err_start = atomic_load(&current->err_start),
                .out_end = module_memory_get_size(host->memory.out_fd),
                .err_end = module_memory_get_size(host->memory.err_fd),
                .trace_end = module_memory_get_size(host->memory.trace_fd),
                .exit_status = host->code == CLD_EXITED ? host->status : -1,
                .signal = host->code == CLD_EXITED || host->killed ? 0 : host->status,
        };
        record->start_usec = clock_realtime() - record->duration_usec;
}

/* A crash that the process had survived so far, in order to tear down. */
static bool death_follows_crash(const ModuleHost *host) {
        const ModuleCrash *crash = &host->memory.area->crash;

        return atomic_load(&crash->ready) != 0 && !crash->interrupted && crash->signal > 0 &&
                        crash->signal < NSIG &&
                        (host->killed || host->code == CLD_EXITED || host->status != crash->signal);
}

/* 1: the kernel killed it for lack of memory */
static int death_judge_oom(ModuleHost *host, Outcome *ret_outcome, char **ret_reason) {
        JudgeFacts facts = { .protocol = TEST_PROTOCOL_MODULE,
                             .code = CLD_KILLED,
                             .status = SIGKILL };
        int r;

        if (!host->options.oom || host->killed || host->code != CLD_KILLED ||
            host->status != SIGKILL)
                return 0;
        host_cell_look(&host->cell, &facts.oom);
        if (!facts.oom.kill)
                return 0;
        facts.memory_peak = facts.oom.memory_peak;
        r = judge(&facts, ret_outcome, ret_reason);
        return r < 0 ? r : 1;
}

static int death_judge(ModuleHost *host, Outcome *ret_outcome, char **ret_reason) {
        ModuleArea *area = host->memory.area;
        char buffer[FORMAT_MAX];
        int r;

        r = death_judge_oom(host, ret_outcome, ret_reason);
        if (r > 0)
                r = 0;
        else if (r < 0)
                return r;
        else if (death_follows_crash(host)) {
                *ret_outcome = PTEST_OUTCOME_CRASH;
                r = module_crash_describe(&area->crash, CLD_KILLED, area->crash.signal, ret_reason);
        } else if (host->killed) {
                *ret_outcome = PTEST_OUTCOME_TIMEOUT;
                r = text_setf(ret_reason,
                              "ran into its time limit of %s and could not be interrupted",
                              format_time(buffer, atomic_load(&area->current.timeout_usec)));
        } else {
                *ret_outcome = host->code == CLD_EXITED ? PTEST_OUTCOME_ERROR : PTEST_OUTCOME_CRASH;
                r = module_crash_describe(&area->crash, host->code, host->status, ret_reason);
        }
        if (r < 0 || atomic_load(&area->verdict.state) != VERDICT_GIVEN)
                return r;
        /* An assertion had failed, and then it came to this. */
        _cleanup_free_ char *said = text_escape(
                        area->verdict.reason, strnlen(area->verdict.reason, MODULE_REASON_MAX));
        _cleanup_free_ char *ended = TAKE_PTR(*ret_reason);

        if (!said)
                return -ENOMEM;
        return text_setf(ret_reason, "%s; after: %s", ended, said);
}

int module_host_note_failed_context(ModuleHost *host, const char *name, const char *reason) {
        int r;

        r = strv_extend(&host->failed_contexts, name);
        return r < 0 ? r :
                       strv_extendf(&host->failed_contexts,
                                    "set-up of context %s failed: %s",
                                    name,
                                    reason);
}

/* What ran when it ended has this outcome now. */
static int host_bury_step(ModuleHost *host, ModulePhase phase) {
        _cleanup_(module_texts_done) ModuleTexts texts = {};
        ModuleCurrent *current = &host->memory.area->current;
        const ModulePending *first = module_host_get_first(host);
        ModuleResultRecord record;
        Outcome outcome;
        int r;

        step_to_record(host, &record);
        r = death_judge(host, &outcome, &texts.reason);
        if (r < 0)
                return r;
        if (death_follows_crash(host)) {
                record.signal = host->memory.area->crash.signal;
                record.exit_status = -1;
        }
        if (phase == MODULE_PHASE_LOAD)
                return text_setf(
                                &host->load_error,
                                "loading the module or setting up its worker failed: %s",
                                texts.reason);

        record.kind = phase == MODULE_PHASE_SET_UP      ? MODULE_RESULT_SET_UP :
                        phase == MODULE_PHASE_TEAR_DOWN ? MODULE_RESULT_TEAR_DOWN :
                                                          MODULE_RESULT_TEST;
        if (record.kind == MODULE_RESULT_TEST) {
                if (!first || first->op != MODULE_OP_TEST || first->id != record.id)
                        return 0;
                texts.name = strdup(first->name);
                if (atomic_load(&current->should_fail)) {
                        r = module_outcome_expect_failure(&outcome, NULL, &texts.reason);
                        if (r < 0)
                                return r;
                }
        } else
                texts.name = text_escape(
                                current->context,
                                strnlen(current->context, sizeof(current->context)));
        texts.dirty = strdup("");
        if (!texts.name || !texts.dirty)
                return -ENOMEM;
        record.outcome = outcome;
        if (phase == MODULE_PHASE_SET_UP) {
                r = module_host_note_failed_context(host, texts.name, texts.reason);
                if (r < 0)
                        return r;
        }
        if (first && first->id == record.id)
                host->n_sent = MAX(host->n_sent, (size_t)1);
        r = module_host_take_record(host, &record, &texts);
        if (r < 0 || phase != MODULE_PHASE_TEAR_DOWN || !first ||
            first->op != MODULE_OP_TEAR_DOWN || first->id != record.id)
                return r;
        /* The context went with its process. */
        return module_host_answer(host, outcome, texts.reason);
}

/* A host ended. What it said before holds. */
static int host_bury(ModuleHost *host) {
        const bool left = host->state == MODULE_HOST_LEAVING;
        ModulePhase phase;
        int r;

        r = module_host_take_results(host);
        phase = atomic_load(&host->memory.area->current.phase);
        host->left_in_order = r >= 0 && left && phase == MODULE_PHASE_IDLE && !host->killed;
        host->posthumous = true;
        module_host_unsend(host);
        if (host->options.keep)
                keep_drop_host(host->options.keep, host->pid);
        host->pid_fd = fd_close(host->pid_fd);
        host->socket_fd = fd_close(host->socket_fd);
        host->pid = 0;
        host->state = MODULE_HOST_SWEEPING;
        if (r < 0 && r != -EBADMSG)
                return r;
        if (r >= 0 && phase != MODULE_PHASE_IDLE && phase < MODULE_PHASE_MAX) {
                r = host_bury_step(host, phase);
                if (r < 0 && r != -EBADMSG)
                        return r;
        } else if (r >= 0 && left)
                ;
        else if (++host->n_idle_deaths >= IDLE_DEATHS_MAX || r < 0) {
                _cleanup_free_ char *reason = NULL;

                r = module_crash_describe(
                                &host->memory.area->crash, host->code, host->status, &reason);
                host->n_sent = 0;
                if (r >= 0 && module_host_get_first(host))
                        r = module_host_answer(host, PTEST_OUTCOME_LOST, reason);
                if (r < 0)
                        return r;
                host->n_idle_deaths = 0;
        }
        host->n_sent = 0;
        return 0;
}

/* Somebody who waited for other children has reaped it. */
static bool host_find_end(ModuleHost *host) {
        int status;

        if (!host->options.keep || !keep_find_end(host->options.keep, host->pid, &status))
                return false;
        host->code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
        host->status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        return true;
}

int module_host_reap(ModuleHost *host) {
        siginfo_t info = {};
        int r;

        if (waitid(P_PID, (id_t)host->pid, &info, WEXITED | WNOHANG) < 0) {
                if (errno != ECHILD || !host_find_end(host))
                        return -errno;
        } else if (info.si_pid == 0)
                return 0;
        else {
                host->code = info.si_code == CLD_DUMPED ? CLD_KILLED : info.si_code;
                host->status = info.si_status;
        }
        r = host_bury(host);
        host->posthumous = false;
        return r;
}

void module_host_sweep(ModuleHost *host) {
        Keep *keep = host->options.keep;
        const bool empty = host_cell_end(&host->cell);
        int status;
        pid_t pid;

        descendants_kill(keep);
        while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
                if (keep)
                        keep_note_end(keep, pid, status);
        if (empty &&
            ((pid < 0 && errno == ECHILD) ||
             (keep && !keep_is_empty(keep) && descendants_are_gone(keep))))
                host->state = MODULE_HOST_NONE;
}
