/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/settle.h"

#include <signal.h>
#include <string.h>

#include <check.h>

#include "test-runner.h"

typedef struct Case {
        SettleInput input;
        Outcome outcome;
        const char *reason; /* a part of it */
} Case;

static const Case cases[] = {
        {{ .settlement = SETTLEMENT_RUNNING, .cause = SLOT_CAUSE_STUCK },
         PTEST_OUTCOME_TIMEOUT, "stuck"                                                               },
        { { .settlement = SETTLEMENT_RUNNING, .cause = SLOT_CAUSE_INTERRUPTED },
         PTEST_OUTCOME_NOT_RUN, "interrupted"                                                         },
        { { .settlement = SETTLEMENT_RUNNING,
            .cause = SLOT_CAUSE_BROKEN,
            .why = "sent a broken message" },
         PTEST_OUTCOME_ERROR,   "sent a broken message"                                               },
        { { .settlement = SETTLEMENT_RUNNING,
            .cause = SLOT_CAUSE_DIED,
            .end = { .started = true, .code = CLD_KILLED, .status = SIGKILL } },
         PTEST_OUTCOME_LOST,    "killed by SIGKILL"                                                   },
        { { .settlement = SETTLEMENT_RUNNING,
            .cause = SLOT_CAUSE_DIED,
            .end = { .started = true,
                     .code = CLD_KILLED,
                     .status = SIGKILL,
                     .oom_kill = true,
                     .memory_peak = 1000 * KIB },
            .memory_max = MIB },
         PTEST_OUTCOME_OOM,     "its worker was killed at its memory limit of 1M (its peak was 1000K)"},
        { { .settlement = SETTLEMENT_RUNNING,
            .cause = SLOT_CAUSE_DIED,
            .end = { .started = true,
                     .code = CLD_KILLED,
                     .status = SIGKILL,
                     .oom_kill = true,
                     .memory_peak = MIB },
            .memory_max = 64 * MIB },
         PTEST_OUTCOME_OOM,     "at a limit above its own or of the machine (its peak was 1M)"        },
        { { .settlement = SETTLEMENT_RUNNING,
            .cause = SLOT_CAUSE_DIED,
            .end = { .started = true,
                     .code = CLD_KILLED,
                     .status = SIGKILL,
                     .oom_kill = true,
                     .memory_peak = SIZE_UNKNOWN },
            .memory_max = SIZE_INFINITY },
         PTEST_OUTCOME_OOM,     "at a limit above its own or of the machine"                          },
        { { .settlement = SETTLEMENT_MISSING,
            .cause = SLOT_CAUSE_DIED,
            .end = { .started = true, .code = CLD_EXITED, .status = 3 } },
         PTEST_OUTCOME_LOST,    "exited with status 3"                                                },
};

START_TEST(settle_worker_without_result_gives_outcome_and_reason)
{
        const Case *c = &cases[_i];
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(test_freep) Test *test = NULL;

        ck_assert_int_eq(test_new("a/b", &test), 0);
        ck_assert_int_eq(settle_make_result(test, &c->input, &result), 0);
        ck_assert_str_eq(result->address, "a/b");
        ck_assert_int_eq(result->outcome, c->outcome);
        ck_assert_msg(strstr(result->reason, c->reason) != NULL, "%s", result->reason);
        ck_assert_int_eq(
                        result->oom_owner,
                        strstr(c->reason, "its memory limit of") ? OOM_OWNER_WORKER :
                                                                   OOM_OWNER_UNKNOWN);
}
END_TEST

START_TEST(settle_good_end_has_no_description)
{
        ck_assert_ptr_null(settle_describe_end(
                        &(BackendWorkerEnd){ .started = true, .code = CLD_EXITED }, SIZE_INFINITY));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/settle");
        TCase *tcase = tcase_create("settle");

        tcase_add_loop_test(
                        tcase,
                        settle_worker_without_result_gives_outcome_and_reason,
                        0,
                        ELEMENTSOF(cases));
        tcase_add_test(tcase, settle_good_end_has_no_description);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
