/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-fixture.h"

#include <errno.h>
#include <string.h>

#include "basic/text.h"
#include "model/test.h"
#include "worker/module-report.h"
#include "worker/module-step.h"

void module_fixture_call(void *userdata) {
        const ModuleFixture *call = userdata;

        if (call->context && call->context->guard)
                call->context->guard(call->context, call->function);
        else
                call->function();
}

uint64_t module_usec_from_timeout(unsigned timeout_ms) {
        return timeout_ms > 0 ? timeout_ms * USEC_PER_MSEC : TEST_TIMEOUT_DEFAULT;
}

/* Runs a fixture's function and tells how it went, also to the worker. */
static int fixture_run(
                ModuleRunner *runner,
                const ModuleContext *context,
                ModulePhase phase,
                PtestFunction function,
                uint64_t timeout_usec,
                Outcome *ret_outcome,
                char **ret_reason) {
        _cleanup_(module_report_done) ModuleReport report = { .name = context->name };
        ModuleFixture call = { .context = context->context, .function = function };
        Outcome outcome = PTEST_OUTCOME_PASS;
        const char *reason = NULL;
        StepEnd end;
        int r = 0;

        report.head.id = runner->id;
        report.head.kind = phase == MODULE_PHASE_SET_UP ? MODULE_RESULT_SET_UP :
                                                          MODULE_RESULT_TEAR_DOWN;
        module_report_begin(runner, phase, timeout_usec, context->name, &report);

        const ModuleMeter meter = module_meter_start(RUSAGE_SELF);

        end = step_call(module_fixture_call, &call);
        module_meter_stop(&meter, &report.head);
        if (end == STEP_INTERRUPTED) {
                outcome = PTEST_OUTCOME_TIMEOUT;
                runner->leaving = true;
                r = module_timeout_describe(timeout_usec, &report.reason);
        } else if (end == STEP_CRASHED) {
                outcome = PTEST_OUTCOME_CRASH;
                report.head.signal = step_get_crash()->signal;
                module_runner_note_crash(runner);
                r = module_report_describe_crash(&report);
        } else if (step_get_verdict(&outcome, &reason)) {
                report.reason = strdup(reason);
                r = report.reason ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = module_report_look(runner, &report);
        /* A fixture may change what it likes: that is how it has to be now. */
        if (r >= 0)
                r = module_state_take(runner->state);
        if (r < 0)
                return r;
        free(report.dirty);
        report.dirty = NULL;
        report.head.outcome = outcome;
        *ret_outcome = outcome;
        r = module_report_end(runner, &report);
        if (r >= 0)
                *ret_reason = TAKE_PTR(report.reason);
        return r;
}

static int context_set_up(ModuleRunner *runner, ModuleContext *context) {
        const PtestContextOptions *options = &context->context->options;
        _cleanup_free_ char *reason = NULL;
        Outcome outcome = PTEST_OUTCOME_PASS;
        int r;

        if (options->set_up) {
                r = fixture_run(runner,
                                context,
                                MODULE_PHASE_SET_UP,
                                options->set_up,
                                module_usec_from_timeout(options->set_up_timeout_ms),
                                &outcome,
                                &reason);
                if (r < 0)
                        return r;
        }
        if (outcome != PTEST_OUTCOME_PASS) {
                context->failed = true;
                context->outcome = outcome == PTEST_OUTCOME_SKIP ? PTEST_OUTCOME_SKIP :
                                                                   PTEST_OUTCOME_NOT_RUN;
                return outcome == PTEST_OUTCOME_SKIP ?
                                text_setf(&context->reason, "%s", reason ?: "") :
                                text_setf(&context->reason,
                                          "set-up of context %s failed: %s",
                                          context->name,
                                          reason ?: "");
        }
        context->up = true;
        context->next_up = runner->last_up;
        runner->last_up = context;
        return 0;
}

/*
 * Sets up what is not set up, the outermost first. 1 and the context if that failed. explicitly: also a shared one
 */
int module_contexts_raise(
                ModuleRunner *runner,
                ModuleContext *context,
                bool explicitly,
                const ModuleContext **ret_failed) {
        int r;

        if (!context || context->up)
                return 0;
        r = module_contexts_raise(runner, context->parent, false, ret_failed);
        if (r != 0)
                return r;
        if (!explicitly && context->context->options.mode == PTEST_MODE_SHARED)
                return 0;
        if (!context->failed) {
                r = context_set_up(runner, context);
                if (r < 0)
                        return r;
        }
        if (context->failed) {
                *ret_failed = context;
                return 1;
        }
        return 0;
}

static bool context_is_within(const ModuleContext *context, const ModuleContext *outer) {
        for (; context; context = context->parent)
                if (context == outer)
                        return true;
        return false;
}

/* NULL: all. Those set up last go first. */
int module_contexts_tear_down(ModuleRunner *runner, const ModuleContext *outer) {
        ModuleContext **link = &runner->last_up;

        while (*link) {
                ModuleContext *context = *link;
                const PtestContextOptions *options = &context->context->options;
                _cleanup_free_ char *reason = NULL;
                Outcome outcome;
                int r;

                if (outer && !context_is_within(context, outer)) {
                        link = &context->next_up;
                        continue;
                }
                *link = context->next_up;
                context->up = false;
                if (!options->tear_down)
                        continue;
                r = fixture_run(runner,
                                context,
                                MODULE_PHASE_TEAR_DOWN,
                                options->tear_down,
                                module_usec_from_timeout(options->tear_down_timeout_ms),
                                &outcome,
                                &reason);
                if (r < 0)
                        return r;
        }
        return 0;
}
