/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tally.h"

#include <assert.h>
#include <string.h>

static const char *const verdict_names[VERDICT_MAX] = {
        [VERDICT_PASSED] = "passed",
        [VERDICT_FAILED] = "failed",
        [VERDICT_MACHINERY_FAILED] = "machinery-failed",
        [VERDICT_NOTHING_TO_RUN] = "nothing-to-run",
        [VERDICT_INCOMPLETE] = "incomplete",
};

/* 2 is taken: wrong use, or an unreadable suite, where there is no run to have a verdict. */
static const int verdict_statuses[VERDICT_MAX] = {
        [VERDICT_PASSED] = 0,         [VERDICT_FAILED] = 1,     [VERDICT_MACHINERY_FAILED] = 3,
        [VERDICT_NOTHING_TO_RUN] = 4, [VERDICT_INCOMPLETE] = 5,
};

void tally_add(Tally *tally, Outcome outcome, unsigned marks) {
        assert(outcome >= 0 && outcome < PTEST_OUTCOME_MAX);

        tally->count[outcome]++;
        if (marks & PTEST_MARK_SLOW)
                tally->marked_slow++;
        if (marks & PTEST_MARK_FLAKY)
                tally->marked_flaky++;
        if (marks & PTEST_MARK_LEAKY)
                tally->marked_leaky++;
        if (marks & PTEST_MARK_DIRTY)
                tally->marked_dirty++;
}

size_t tally_reported(const Tally *tally) {
        size_t n = 0;

        for (int i = 0; i < PTEST_OUTCOME_MAX; i++)
                n += tally->count[i];
        return n;
}

size_t tally_bad(const Tally *tally) {
        size_t n = 0;

        for (int i = 0; i < PTEST_OUTCOME_MAX; i++)
                if (outcome_is_bad((Outcome)i))
                        n += tally->count[i];
        return n;
}

const char *verdict_to_string(Verdict verdict) {
        if (verdict < 0 || verdict >= VERDICT_MAX)
                return NULL;
        return verdict_names[verdict];
}

Verdict verdict_from_string(const char *s) {
        for (int i = 0; i < VERDICT_MAX; i++)
                if (strcmp(verdict_names[i], s) == 0)
                        return (Verdict)i;
        return VERDICT_INVALID;
}

int verdict_to_exit_status(Verdict verdict) {
        /* A verdict that is none must not look like a success. */
        if (verdict < 0 || verdict >= VERDICT_MAX)
                return verdict_statuses[VERDICT_MACHINERY_FAILED];
        return verdict_statuses[verdict];
}
