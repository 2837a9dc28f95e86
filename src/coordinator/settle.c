/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/settle.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/parse.h"
#include "basic/text.h"

/* A part of a limit that is not used when nothing more fits in. */
#define OOM_REST_PART 8U

/* A limit of the worker, and one that it had come near to: otherwise it was one above, or the machine's. */
static bool settle_oom_is_own(const BackendWorkerEnd *end, uint64_t memory_max) {
        return memory_max != SIZE_INFINITY &&
                        (end->memory_peak == SIZE_UNKNOWN ||
                         end->memory_peak >= memory_max - memory_max / OOM_REST_PART);
}

/* "killed at its memory limit of 1M (its peak was 900K)"; NULL on ENOMEM */
static char *settle_describe_oom(const BackendWorkerEnd *end, uint64_t memory_max) {
        char limit[FORMAT_MAX], size[FORMAT_MAX];
        _cleanup_free_ char *peak = NULL;
        char *text = NULL;

        if (end->memory_peak != SIZE_UNKNOWN &&
            text_setf(&peak, " (its peak was %s)", format_size(size, end->memory_peak)) < 0)
                return NULL;
        if (settle_oom_is_own(end, memory_max))
                (void)text_setf(&text,
                                "killed at its memory limit of %s%s",
                                format_size(limit, memory_max),
                                peak ?: "");
        else
                (void)text_setf(&text,
                                "killed for lack of memory, at a limit above its own or of the machine%s",
                                peak ?: "");
        return text;
}

char *settle_describe_end(const BackendWorkerEnd *end, uint64_t memory_max) {
        char *text = NULL;

        if (end->error)
                return strdup(end->error);
        if (end->oom_kill)
                return settle_describe_oom(end, memory_max);
        if (end->code == CLD_KILLED || end->code == CLD_DUMPED)
                (void)text_setf(&text, "killed by %s", signal_to_name(end->status));
        else if (end->code == CLD_EXITED && end->status != 0)
                (void)text_setf(&text, "exited with status %d", end->status);
        return text;
}

static int settle_running(const Test *test, const SettleInput *input, Result *result) {
        _cleanup_free_ char *end = settle_describe_end(&input->end, input->memory_max);
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
                        if (settle_oom_is_own(&input->end, input->memory_max)) {
                                result->oom_owner = OOM_OWNER_WORKER;
                                result->oom_limit = input->memory_max;
                        }
                        return result_set_reason(result, "its worker was %s", end ?: "killed");
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
                _cleanup_free_ char *end = settle_describe_end(&input->end, input->memory_max);

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
