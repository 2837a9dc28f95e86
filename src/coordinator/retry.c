/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"

void retry_done(Retry *retry) {
        for (size_t i = 0; i < retry->n_items; i++)
                free(retry->items[i].reason);
        free(retry->items);
        *retry = (Retry){};
}

static const RetryItem *retry_find(const Retry *retry, uint32_t test) {
        for (size_t i = 0; i < retry->n_items; i++)
                if (retry->items[i].test == test)
                        return &retry->items[i];
        return NULL;
}

static bool retry_is_due(const Retry *retry, uint32_t test, const Result *result) {
        return result->outcome == PTEST_OUTCOME_OOM && oom_owner_is_shared(result->oom_owner) &&
                        plan_get_state(retry->plan, test) == PLAN_SENT &&
                        plan_get_attempt(retry->plan, test) == 1;
}

static int retry_add(Retry *retry, uint32_t test, const char *reason) {
        RetryItem *grown = reallocarray(retry->items, retry->n_items + 1, sizeof(RetryItem));

        if (!grown)
                return -ENOMEM;
        retry->items = grown;
        grown[retry->n_items] = (RetryItem){ .test = test, .reason = strdup(reason) };
        if (!grown[retry->n_items].reason)
                return -ENOMEM;
        retry->n_items++;
        return 0;
}

bool retry_begin(Retry *retry, uint32_t test, Result *result) {
        int r;

        if (!retry_is_due(retry, test, result))
                return false;
        r = retry_add(retry, test, result->reason ?: "killed for lack of memory");
        if (r < 0) {
                log_error_errno(r, "Failed to run %s again: %m", result->address);
                return false;
        }
        result->attempts = 2;
        retry->suite->tests[test]->exclusive = true;
        plan_retry(retry->plan, test);
        schedule_on_retry(retry->schedule, test);
        return true;
}

static int retry_tell_why_not(const char *first, Result *result) {
        _cleanup_free_ char *why = TAKE_PTR(result->reason);

        result->outcome = PTEST_OUTCOME_OOM;
        return result_set_reason(result, "%s; not run again: %s", first, why ?: "the run ended");
}

static int retry_tell_both(const char *first, Result *result) {
        _cleanup_free_ char *second = TAKE_PTR(result->reason);

        /* Two outcomes of one test: it hangs on what else there is. */
        if (!outcome_is_bad(result->outcome))
                result->marks |= PTEST_MARK_FLAKY;
        return result_set_reason(
                        result,
                        "%s%srun again alone, after attempt 1 was an oom: %s",
                        second ?: "",
                        second ? "; " : "",
                        first);
}

void retry_tell(const Retry *retry, uint32_t test, Result *result) {
        const RetryItem *item = retry_find(retry, test);
        int r;

        if (!item)
                return;
        if (result->outcome != PTEST_OUTCOME_NOT_RUN)
                result->attempts = 2;
        r = result->outcome == PTEST_OUTCOME_NOT_RUN ? retry_tell_why_not(item->reason, result) :
                                                       retry_tell_both(item->reason, result);
        if (r < 0)
                log_error_errno(r, "Failed to tell that %s was run again: %m", result->address);
}
