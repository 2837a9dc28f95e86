/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/fixture.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"

int fixtures_init(Fixtures *fixtures, const FixturesConfig *config) {
        *fixtures = (Fixtures){ .config = *config };
        fixtures->failures = calloc(config->suite->n_contexts + 1, sizeof(ContextFailure));
        return fixtures->failures ? 0 : -ENOMEM;
}

void fixtures_done(Fixtures *fixtures) {
        for (size_t i = 0; fixtures->failures && i <= fixtures->config.suite->n_contexts; i++)
                free(fixtures->failures[i].reason);
        free(fixtures->failures);
        free(fixtures->failure);
        *fixtures = (Fixtures){};
}

static const char *fixtures_get_name(const Fixtures *fixtures, uint32_t context) {
        return fixtures->config.suite->contexts[context - 1]->name;
}

static const char *role_to_string(PtestRole role) {
        return role == PTEST_ROLE_SET_UP ? "set-up" : "tear-down";
}

/* A result for what no worker has a result of. */
static Result *fixtures_make_result(
                const Fixtures *fixtures, uint32_t context, PtestRole role, const char *reason) {
        _cleanup_free_ char *address = NULL;
        Result *result = NULL;

        if (text_setf(&address,
                      "%s (%s)",
                      fixtures_get_name(fixtures, context),
                      role_to_string(role)) < 0 ||
            result_new(address, &result) < 0)
                return NULL;
        result->outcome = PTEST_OUTCOME_ERROR;
        (void)result_set_reason(result, "%s", reason);
        return result;
}

/* Records it. Takes the result. */
static void fixtures_note_failure(
                Fixtures *fixtures, uint32_t context, PtestRole role, Result *result) {
        const char *name = fixtures_get_name(fixtures, context);

        fixtures->any_failed = true;
        fixtures->n_failed++;
        if (!fixtures->failure)
                (void)text_setf(&fixtures->failure,
                                "the %s of context %s failed",
                                role_to_string(role),
                                name);
        /* By the context's name in this run, which the suite's may stand before. */
        if (result)
                (void)text_setf(&result->address, "%s (%s)", name, role_to_string(role));
        if (result)
                event_log_fixture(fixtures->config.log, name, role == PTEST_ROLE_TEAR_DOWN, result);
}

static void fixtures_end_context(
                Fixtures *fixtures, uint32_t context, Outcome outcome, const char *reason) {
        ContextFailure *failure = &fixtures->failures[context];

        if (failure->reason)
                return;
        failure->outcome = outcome;
        failure->reason = strdup(reason);
        fixtures->config.on_failed(context, outcome, reason, fixtures->config.userdata);
}

static void fixtures_end_by_set_up(Fixtures *fixtures, uint32_t context, const Result *result) {
        _cleanup_free_ char *reason = NULL;

        if (result->outcome == PTEST_OUTCOME_SKIP) {
                fixtures_end_context(
                                fixtures,
                                context,
                                PTEST_OUTCOME_SKIP,
                                result->reason ?: "skipped by the set-up of its context");
                return;
        }
        (void)text_setf(&reason,
                        "the set-up of context %s failed: %s",
                        fixtures_get_name(fixtures, context),
                        result->reason ?: outcome_to_string(result->outcome));
        fixtures_end_context(
                        fixtures,
                        context,
                        PTEST_OUTCOME_NOT_RUN,
                        reason ?: "the set-up of its context failed");
}

static void fixtures_on_set_up(
                Fixtures *fixtures, uint32_t instance, Result *result, char **exports) {
        uint32_t context = schedule_get_context(fixtures->config.schedule, instance);
        Outcome outcome = result->outcome;

        schedule_on_set_up(
                        fixtures->config.schedule,
                        instance,
                        outcome == PTEST_OUTCOME_PASS                 ? SCHEDULE_SET_UP_GOOD :
                                        outcome == PTEST_OUTCOME_SKIP ? SCHEDULE_SET_UP_SKIPPED :
                                                                        SCHEDULE_SET_UP_FAILED,
                        exports);
        if (outcome == PTEST_OUTCOME_PASS) {
                result_free(result);
                return;
        }
        fixtures_end_by_set_up(fixtures, context, result);
        /* Skipped is no failure, and neither is one that was interrupted for the end of the run. */
        if (outcome == PTEST_OUTCOME_SKIP || outcome == PTEST_OUTCOME_NOT_RUN)
                result_free(result);
        else
                fixtures_note_failure(fixtures, context, PTEST_ROLE_SET_UP, result);
}

/* What a set-up started, and did not end when it was asked to, may have been worth a proper end. */
static void fixtures_note_leaks(const Fixtures *fixtures, uint32_t context, const Result *result) {
        const CoordinatorConfig *config = fixtures->config.log->config;
        _cleanup_free_ char *text = NULL, *safe = NULL;
        size_t n = strv_length(result->leaks);

        if (n == 0)
                return;
        if (text_setf(&text,
                      "The tear-down of context %s killed %zu process%s that did not end when asked to: %s%s",
                      fixtures_get_name(fixtures, context),
                      n,
                      n == 1 ? "" : "es",
                      result->leaks[0],
                      n == 1 ? "" : ", ...") < 0)
                return;
        safe = text_escape(text, strlen(text));
        if (safe)
                config->handlers->on_notice(safe, config->userdata);
}

static void fixtures_on_tear_down(Fixtures *fixtures, uint32_t instance, Result *result) {
        uint32_t context = schedule_get_context(fixtures->config.schedule, instance);

        fixtures_note_leaks(fixtures, context, result);
        schedule_on_torn_down(fixtures->config.schedule, instance);
        if (result->outcome == PTEST_OUTCOME_PASS || result->outcome == PTEST_OUTCOME_SKIP) {
                result_free(result);
                return;
        }
        /* Not that of a test which may as well be run another time: what was set up is still there. */
        if (result->outcome == PTEST_OUTCOME_NOT_RUN)
                result->outcome = PTEST_OUTCOME_ERROR;
        fixtures_note_failure(fixtures, context, PTEST_ROLE_TEAR_DOWN, result);
}

void fixtures_on_result(
                Fixtures *fixtures,
                uint32_t instance,
                PtestRole role,
                Result *result,
                char **exports) {
        if (role == PTEST_ROLE_SET_UP) {
                fixtures_on_set_up(fixtures, instance, result, exports);
                return;
        }
        strv_free(exports);
        fixtures_on_tear_down(fixtures, instance, result);
}

void fixtures_on_reject(Fixtures *fixtures, uint32_t instance, PtestRole role, const char *reason) {
        uint32_t context = schedule_get_context(fixtures->config.schedule, instance);
        Result *result = fixtures_make_result(fixtures, context, role, reason);

        if (result)
                fixtures_on_result(fixtures, instance, role, result, NULL);
        else
                log_error("Failed to make the result of a fixture: out of memory");
}

void fixtures_fail_context(Fixtures *fixtures, uint32_t context, const char *reason) {
        _cleanup_free_ char *text = NULL;

        if (fixtures->failures[context].reason)
                return;
        (void)text_setf(&text,
                        "the fixture of context %s failed: %s",
                        fixtures_get_name(fixtures, context),
                        reason);
        fixtures_note_failure(
                        fixtures,
                        context,
                        PTEST_ROLE_SET_UP,
                        fixtures_make_result(fixtures, context, PTEST_ROLE_SET_UP, reason));
        fixtures_end_context(fixtures, context, PTEST_OUTCOME_NOT_RUN, text ?: reason);
}

void fixtures_on_gone(Fixtures *fixtures, unsigned place) {
        Schedule *schedule = fixtures->config.schedule;
        uint32_t context = schedule_get_shared(schedule, place);
        bool lost = context != CONTEXT_NONE && schedule_is_needed(schedule, context);

        schedule_on_gone(schedule, place);
        if (lost)
                fixtures_fail_context(
                                fixtures,
                                context,
                                "the process that it was set up in ended before its tests");
}

void fixtures_admit(Fixtures *fixtures, uint32_t test) {
        const Suite *suite = fixtures->config.suite;

        for (uint32_t at = suite->tests[test]->traits->context; at != CONTEXT_NONE;
             at = suite->contexts[at - 1]->parent)
                if (schedule_has_failed(fixtures->config.schedule, at))
                        fixtures_fail_context(
                                        fixtures,
                                        at,
                                        "the process that it was set up in has ended");
}

void fixtures_give_up(Fixtures *fixtures, const char *reason) {
        uint32_t instance;

        while ((instance = schedule_drop_instance(fixtures->config.schedule)) != 0) {
                uint32_t context = schedule_get_context(fixtures->config.schedule, instance);

                fixtures_note_failure(
                                fixtures,
                                context,
                                PTEST_ROLE_TEAR_DOWN,
                                fixtures_make_result(
                                                fixtures, context, PTEST_ROLE_TEAR_DOWN, reason));
        }
}

bool fixtures_find_failure(
                const Fixtures *fixtures, uint32_t test, Outcome *ret_outcome, const char **ret) {
        const Suite *suite = fixtures->config.suite;

        for (uint32_t at = suite->tests[test]->traits->context; at != CONTEXT_NONE;
             at = suite->contexts[at - 1]->parent)
                if (fixtures->failures[at].reason) {
                        *ret_outcome = fixtures->failures[at].outcome;
                        *ret = fixtures->failures[at].reason;
                        return true;
                }
        return false;
}
