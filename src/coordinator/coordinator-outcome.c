/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each test gets its one outcome here, whoever says it; and from all of them follows the verdict
 */

#include "coordinator/coordinator-internal.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "basic/text.h"

/* ---- Verdict ---- */

void coordinator_set_verdict_reason(Coordinator *coordinator, const char *reason) {
        if (!coordinator->verdict_reason)
                coordinator->verdict_reason = strdup(reason);
}

Verdict coordinator_get_verdict(const Coordinator *coordinator) {
        const Tally *tally = plan_get_tally(coordinator->plan);

        if (coordinator->incomplete || !plan_is_complete(coordinator->plan))
                return VERDICT_INCOMPLETE;
        if (coordinator->machinery || coordinator->log.error)
                return VERDICT_MACHINERY_FAILED;
        if (tally_bad(tally) > 0 || coordinator->fixtures.any_failed ||
            coordinator->n_flaky_failures > 0)
                return VERDICT_FAILED;
        if (tally_reported(tally) == tally->count[PTEST_OUTCOME_NOT_RUN] &&
            !coordinator->config.allow_no_tests)
                return VERDICT_NOTHING_TO_RUN;
        return VERDICT_PASSED;
}

void coordinator_tell_flaky(Coordinator *coordinator) {
        const Tally *tally = plan_get_tally(coordinator->plan);
        _cleanup_free_ char *reason = NULL;

        if (coordinator->n_flaky_failures == 0 || tally_bad(tally) > 0 ||
            coordinator->fixtures.any_failed ||
            coordinator_get_verdict(coordinator) != VERDICT_FAILED)
                return;
        if (text_setf(&reason,
                      "%zu %s flaky, which is not good enough with flaky=fail",
                      coordinator->n_flaky_failures,
                      coordinator->n_flaky_failures == 1 ? "test was" : "tests were") >= 0)
                coordinator_set_verdict_reason(coordinator, reason);
}

/* ---- Outcomes ---- */

void coordinator_note_flaky(Coordinator *coordinator, uint32_t test, const Result *result) {
        coordinator->n_flaky_failures += (result->marks & PTEST_MARK_FLAKY) &&
                        coordinator->suite->tests[test]->traits->limits.flaky == FLAKY_FAIL;
}

void coordinator_look_at_failures(Coordinator *coordinator) {
        const size_t limit = coordinator->config.fail_fast,
                     n = tally_bad(plan_get_tally(coordinator->plan)) +
                        coordinator->fixtures.n_failed;
        _cleanup_free_ char *reason = NULL;

        if (limit == 0 || coordinator->phase != RUN_GOING || n < limit + coordinator->carry.n_bad)
                return;
        (void)text_setf(&reason, "not started after %zu failure%s", limit, limit == 1 ? "" : "s");
        coordinator_begin_phase(
                        coordinator, RUN_WINDING_DOWN, reason ?: "not started after failures");
}

void coordinator_complete(Coordinator *coordinator, uint32_t test, Result *result) {
        int r;

        if (plan_get_state(coordinator->plan, test) != PLAN_DONE)
                result = retry_settle(&coordinator->retry, test, result);
        r = plan_complete(coordinator->plan, test, result->outcome, result->marks);
        if (r < 0) {
                log_debug("%s: late result ignored", result->address);
                result_free(result);
                return;
        }
        coordinator_note_flaky(coordinator, test, result);
        schedule_on_done(coordinator->dispatch.schedule, test);
        coordinator_wake(coordinator);
        growth_tell(&coordinator->growth);
        event_log_result(&coordinator->log, result);
        coordinator_look_at_failures(coordinator);
}

void coordinator_complete_with(
                Coordinator *coordinator, uint32_t test, Outcome outcome, const char *reason) {
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = result_new(coordinator->suite->tests[test]->address, &result);
        if (r >= 0)
                r = result_set_reason(result, "%s", reason);
        if (r < 0) {
                log_error_errno(r,
                                "Failed to give %s its outcome: %m",
                                coordinator->suite->tests[test]->address);
                return;
        }
        result->outcome = outcome;
        coordinator_complete(coordinator, test, TAKE_PTR(result));
}

void coordinator_on_attempt(Result *result, void *userdata) {
        Coordinator *coordinator = userdata;

        growth_tell(&coordinator->growth);
        event_log_attempt(&coordinator->log, result);
}

void coordinator_on_reject(uint32_t test, const char *reason, void *userdata) {
        coordinator_complete_with(userdata, test, PTEST_OUTCOME_ERROR, reason);
}

void coordinator_complete_waiting(
                Coordinator *coordinator, uint32_t context, Outcome outcome, const char *reason) {
        _cleanup_free_ uint32_t *tests = NULL;
        size_t n = 0;

        if (schedule_count_waiting(coordinator->dispatch.schedule) == 0 ||
            schedule_list_waiting(coordinator->dispatch.schedule, context, &tests, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                coordinator_complete_with(coordinator, tests[i], outcome, reason);
}

void coordinator_on_context_failed(
                uint32_t context, Outcome outcome, const char *reason, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator_complete_waiting(coordinator, context, outcome, reason);
        /* What workers hold of it comes back, and then is not run either. */
        for (unsigned i = 0; i < coordinator->config.workers; i++)
                slot_recall(pool_get_slot(coordinator->pool, i));
}

void coordinator_on_reject_fixture(
                uint32_t instance, PtestRole role, const char *reason, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator_wake(coordinator);
        fixtures_on_reject(&coordinator->fixtures, instance, role, reason);
}

void coordinator_complete_rest(Coordinator *coordinator) {
        for (size_t i = 0; i < coordinator->suite->n_tests; i++) {
                if (plan_get_state(coordinator->plan, (uint32_t)i) == PLAN_DONE)
                        continue;
                coordinator->incomplete = true;
                coordinator_set_verdict_reason(coordinator, "the coordinator failed");
                coordinator_complete_with(
                                coordinator,
                                (uint32_t)i,
                                PTEST_OUTCOME_LOST,
                                "the coordinator failed");
        }
}
