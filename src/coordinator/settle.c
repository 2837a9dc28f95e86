/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/settle.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/text.h"

char *settle_describe_end(const BackendWorkerEnd *end) {
        char *text = NULL;

        if (end->error)
                return strdup(end->error);
        if (end->oom_kill)
                (void)text_setf(&text, "reached its memory limit");
        else if (end->code == CLD_KILLED || end->code == CLD_DUMPED)
                (void)text_setf(&text, "killed by %s", signal_to_name(end->status));
        else if (end->code == CLD_EXITED && end->status != 0)
                (void)text_setf(&text, "exited with status %d", end->status);
        return text;
}

static int settle_running(const Test *test, const SettleInput *input, Result *result) {
        _cleanup_free_ char *end = settle_describe_end(&input->end);
        char limit[FORMAT_MAX];

        switch (input->cause) {
        case SLOT_CAUSE_STUCK:
                result->outcome = PTEST_OUTCOME_TIMEOUT;
                return result_set_reason(
                                result,
                                "ran longer than %s, and its worker was stuck and had to be stopped",
                                format_time(limit, test->timeout_usec));
        case SLOT_CAUSE_INTERRUPTED:
                result->outcome = PTEST_OUTCOME_NOT_RUN;
                return result_set_reason(result, "interrupted while it ran");
        case SLOT_CAUSE_BROKEN:
                result->outcome = PTEST_OUTCOME_ERROR;
                return result_set_reason(
                                result, "its worker %s", input->why ?: "sent a broken message");
        default:
                if (input->end.oom_kill) {
                        result->outcome = PTEST_OUTCOME_OOM;
                        return result_set_reason(
                                        result, "its worker was killed at its memory limit");
                }
                result->outcome = PTEST_OUTCOME_LOST;
                return result_set_reason(
                                result, "its worker ended while it ran: %s", end ?: "it exited");
        }
}

int settle_make_result(const Test *test, const SettleInput *input, Result **ret) {
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = result_new(test->address, &result);
        if (r < 0)
                return r;
        if (input->settlement == SETTLEMENT_RUNNING) {
                result->duration_usec = input->ran_usec;
                result->start_usec = clock_realtime() - input->ran_usec;
                r = settle_running(test, input, result);
        } else {
                _cleanup_free_ char *end = settle_describe_end(&input->end);

                result->outcome = PTEST_OUTCOME_LOST;
                r = result_set_reason(
                                result,
                                "it was run, and its result was lost with its worker: %s",
                                input->why          ?:
                                                end ?:
                                                      "it exited");
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}
