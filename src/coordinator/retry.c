/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "basic/log.h"
#include "basic/text.h"

struct RetryItem {
        uint32_t test;
        bool alone;      /* it was a victim, and has its one more attempt */
        unsigned n_made; /* attempts */
        unsigned n_bad;  /* of them */
        Outcome first;   /* of the first bad one */
        char *reason;    /* the same; never NULL if there was one */
        Outcome last;    /* of the last bad one */
        char *last_reason;
        Result *held; /* repeats: the first bad attempt, which is to be the outcome */
        UT_hash_handle hh;
};

/* ---- Items ---- */

static RetryItem *retry_find(const Retry *retry, uint32_t test) {
        RetryItem *item = NULL;

        HASH_FIND(hh, retry->items, &test, sizeof(test), item);
        return item;
}

static RetryItem *retry_get(Retry *retry, uint32_t test) {
        RetryItem *item = retry_find(retry, test);

        if (item)
                return item;
        item = calloc(1, sizeof(*item));
        if (!item)
                return NULL;
        item->test = test;
        HASH_ADD(hh, retry->items, test, sizeof(item->test), item);
        return item;
}

static void retry_drop(Retry *retry, RetryItem *item) {
        HASH_DEL(retry->items, item);
        free(item->reason);
        free(item->last_reason);
        result_free(item->held);
        free(item);
}

void retry_done(Retry *retry) {
        RetryItem *item, *next;

        HASH_ITER(hh, retry->items, item, next)
        retry_drop(retry, item);
        *retry = (Retry){};
}

static bool retry_repeats(const Retry *retry) {
        return retry->config.repeat > 1;
}

/* How many attempts there are at most, at a test with this item, which may be NULL. */
static unsigned retry_get_limit(const Retry *retry, uint32_t test, const RetryItem *item) {
        unsigned n = retry_repeats(retry) ? retry->config.repeat :
                                            1U + retry->suite->tests[test]->traits->limits.retries;

        return n + (item && item->alone);
}

/* ---- Whether ---- */

static bool result_is_of_victim(const Result *result) {
        return result->outcome == PTEST_OUTCOME_OOM && oom_owner_is_shared(result->oom_owner);
}

static bool retry_is_due(
                const Retry *retry, uint32_t test, const RetryItem *item, const Result *result) {
        const bool bad = outcome_is_bad(result->outcome);
        const unsigned made = (item ? item->n_made : 0) + 1;

        if (result->outcome == PTEST_OUTCOME_NOT_RUN)
                return false;
        if (result_is_of_victim(result) && (!item || !item->alone))
                return true;
        if (made >= retry_get_limit(retry, test, item))
                return false;
        if (!retry_repeats(retry))
                return bad;
        return !retry->config.stop_at_failed || (!bad && (!item || !item->held));
}

static int item_note(RetryItem *item, const Result *result) {
        const char *reason = result->reason ?: "";

        item->n_made++;
        if (!outcome_is_bad(result->outcome))
                return 0;
        item->n_bad++;
        item->last = result->outcome;
        free(item->last_reason);
        item->last_reason = strdup(reason);
        if (!item->last_reason)
                return -ENOMEM;
        if (item->reason)
                return 0;
        item->first = result->outcome;
        item->reason = strdup(reason);
        return item->reason ? 0 : -ENOMEM;
}

bool retry_begin(Retry *retry, uint32_t test, Result *result) {
        RetryItem *item = retry_find(retry, test);
        bool victim;

        if (plan_get_state(retry->plan, test) != PLAN_SENT ||
            !retry_is_due(retry, test, item, result))
                return false;
        item = retry_get(retry, test);
        if (!item || item_note(item, result) < 0) {
                log_error("Not enough memory to run %s again", result->address);
                return false;
        }
        victim = result_is_of_victim(result) && !item->alone;
        if (victim) {
                item->alone = true;
                retry->suite->tests[test]->exclusive = true;
        }
        result->attempts = retry_get_limit(retry, test, item);
        plan_retry(retry->plan, test);
        /* Repeats follow each other: what is held until the last of them is that of a few tests only. */
        schedule_on_retry(retry->schedule, test, !retry_repeats(retry) && !victim);
        /* The first bad one of repeats waits for its being told as the outcome; a victim's does not count there. */
        if (retry_repeats(retry) && outcome_is_bad(result->outcome) && !item->held && !victim)
                item->held = result;
        else
                retry->on_attempt(result, retry->userdata);
        return true;
}

int retry_resume(Retry *retry, uint32_t test, const Result *last) {
        RetryItem *item;

        if (retry_repeats(retry) || last->attempt == 0 || last->attempt >= PLAN_ATTEMPTS_MAX ||
            plan_get_state(retry->plan, test) != PLAN_WAITING)
                return 0;
        item = retry_get(retry, test);
        if (!item)
                return -ENOMEM;
        item->n_made = last->attempt - 1;
        item->n_bad = last->attempt - 1;
        plan_set_attempt(retry->plan, test, last->attempt + 1);
        return item_note(item, last);
}

/* ---- The outcome ---- */

/* "fail: exit status 1" */
static int describe_first(const RetryItem *item, char **ret) {
        return text_setf(
                        ret,
                        "%s%s%s",
                        outcome_to_string(item->first),
                        item->reason[0] ? ": " : "",
                        item->reason);
}

static int result_tell_of_victim(const RetryItem *item, Result *result) {
        _cleanup_free_ char *own = TAKE_PTR(result->reason);

        return result_set_reason(
                        result,
                        "%s%srun again alone, after attempt 1 was an oom: %s",
                        own ?: "",
                        own ? "; " : "",
                        item->reason);
}

/* why: it was not run as often as it was to be; NULL: it was */
static int result_tell_of_bad(const RetryItem *item, Result *result, const char *why) {
        _cleanup_free_ char *own = TAKE_PTR(result->reason), *count = NULL;
        int r;

        if (item->n_bad < item->n_made)
                r = text_setf(&count, "%u of %u attempts were bad", item->n_bad, item->n_made);
        else if (item->n_made > 1)
                r = text_setf(&count, "all %u attempts were bad", item->n_made);
        else
                r = text_setf(&count, "bad at its first attempt");
        if (r < 0)
                return r;
        return result_set_reason(
                        result,
                        "%s%s%s%s%s",
                        own ?: "",
                        own ? "; " : "",
                        count,
                        why ? "; not run again: " : "",
                        why ?: "");
}

static int result_tell_of_retries(const RetryItem *item, Result *result) {
        _cleanup_free_ char *own = TAKE_PTR(result->reason), *first = NULL;

        if (describe_first(item, &first) < 0)
                return -ENOMEM;
        return result_set_reason(
                        result,
                        "%s%sattempt %u, after %u bad; the first: %s",
                        own ?: "",
                        own ? "; " : "",
                        item->n_made,
                        item->n_bad,
                        first);
}

/* It was to be run again, and was not: what was seen counts. */
static int result_tell_why_not(const RetryItem *item, Result *result) {
        _cleanup_free_ char *why = TAKE_PTR(result->reason);

        result->outcome = item->last;
        result->attempt = item->n_made;
        return result_set_reason(
                        result,
                        "%s; not run again: %s",
                        item->last_reason[0] ? item->last_reason : outcome_to_string(item->last),
                        why ?: "the run ended");
}

static int retry_tell(Retry *retry, RetryItem *item, Result *result) {
        if (result->outcome == PTEST_OUTCOME_NOT_RUN) {
                if (item->n_bad > 0)
                        return result_tell_why_not(item, result);
                return 0;
        }
        if (item_note(item, result) < 0)
                return -ENOMEM;
        result->attempts = item->n_made;
        if (item->n_bad == 0)
                return 0;
        /* Two outcomes of one test: it hangs on what else there is. */
        if (item->n_bad < item->n_made)
                result->marks |= PTEST_MARK_FLAKY;
        if (item->alone && item->n_made == 2)
                return result_tell_of_victim(item, result);
        return outcome_is_bad(result->outcome) ? result_tell_of_bad(item, result, NULL) :
                                                 result_tell_of_retries(item, result);
}

/* The first bad attempt is the outcome, whatever the last one, which is told now, was. */
static Result *retry_settle_held(Retry *retry, RetryItem *item, Result *result) {
        Result *held = TAKE_PTR(item->held);
        _cleanup_free_ char *why = NULL;
        int r = 0;

        if (result->outcome == PTEST_OUTCOME_NOT_RUN) {
                why = TAKE_PTR(result->reason);
                result_free(result);
        } else {
                r = item_note(item, result);
                result->attempts = retry_get_limit(retry, item->test, item);
                retry->on_attempt(result, retry->userdata);
        }
        held->attempts = item->n_made;
        if (item->n_bad < item->n_made)
                held->marks |= PTEST_MARK_FLAKY;
        if (r >= 0)
                r = result_tell_of_bad(item, held, why);
        if (r < 0)
                log_error_errno(r, "Failed to tell that %s was run again: %m", held->address);
        return held;
}

void retry_forget(Retry *retry, uint32_t test) {
        RetryItem *item = retry_find(retry, test);

        if (item)
                retry_drop(retry, item);
}

Result *retry_settle(Retry *retry, uint32_t test, Result *result) {
        RetryItem *item = retry_find(retry, test);
        int r;

        if (!item)
                return result;
        if (item->held)
                result = retry_settle_held(retry, item, result);
        else {
                r = retry_tell(retry, item, result);
                if (r < 0)
                        log_error_errno(r,
                                        "Failed to tell that %s was run again: %m",
                                        result->address);
        }
        retry_drop(retry, item);
        return result;
}
