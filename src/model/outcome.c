/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/outcome.h"

#include <string.h>

#include "basic/macros.h"

static const char *const outcome_names[PTEST_OUTCOME_MAX] = {
        [PTEST_OUTCOME_PASS] = "pass",       [PTEST_OUTCOME_FAIL] = "fail",
        [PTEST_OUTCOME_SKIP] = "skip",       [PTEST_OUTCOME_XFAIL] = "xfail",
        [PTEST_OUTCOME_XPASS] = "xpass",     [PTEST_OUTCOME_ERROR] = "error",
        [PTEST_OUTCOME_TIMEOUT] = "timeout", [PTEST_OUTCOME_CRASH] = "crash",
        [PTEST_OUTCOME_OOM] = "oom",         [PTEST_OUTCOME_LOST] = "lost",
        [PTEST_OUTCOME_NOT_RUN] = "not-run",
};

static const struct {
        PtestMark mark;
        const char *name;
} mark_names[] = {
        {PTEST_MARK_SLOW,   "slow" },
        { PTEST_MARK_FLAKY, "flaky"},
        { PTEST_MARK_LEAKY, "leaky"},
        { PTEST_MARK_DIRTY, "dirty"},
};

const char *outcome_to_string(Outcome outcome) {
        if (outcome < 0 || outcome >= PTEST_OUTCOME_MAX)
                return NULL;
        return outcome_names[outcome];
}

Outcome outcome_from_string(const char *s) {
        for (int i = 0; i < PTEST_OUTCOME_MAX; i++)
                if (strcmp(outcome_names[i], s) == 0)
                        return (Outcome)i;
        return PTEST_OUTCOME_INVALID;
}

bool outcome_is_bad(Outcome outcome) {
        switch (outcome) {
        case PTEST_OUTCOME_FAIL:
        case PTEST_OUTCOME_XPASS:
        case PTEST_OUTCOME_ERROR:
        case PTEST_OUTCOME_TIMEOUT:
        case PTEST_OUTCOME_CRASH:
        case PTEST_OUTCOME_OOM:
        case PTEST_OUTCOME_LOST:
                return true;
        default:
                return false;
        }
}

const char *mark_to_string(PtestMark mark) {
        for (size_t i = 0; i < ELEMENTSOF(mark_names); i++)
                if (mark_names[i].mark == mark)
                        return mark_names[i].name;
        return NULL;
}

PtestMark mark_from_string(const char *s) {
        for (size_t i = 0; i < ELEMENTSOF(mark_names); i++)
                if (strcmp(mark_names[i].name, s) == 0)
                        return mark_names[i].mark;
        return (PtestMark)0;
}
