/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/flakiness.h"

void flakiness_skip(Flakiness *flakiness) {
        flakiness->n_added++;
}

void flakiness_add(Flakiness *flakiness, Outcome outcome, unsigned marks) {
        bool bad = outcome_is_bad(outcome);

        flakiness->n_added++;
        if (!bad && outcome != PTEST_OUTCOME_PASS && outcome != PTEST_OUTCOME_XFAIL)
                return;
        if (flakiness->n_judged > 0 && bad != flakiness->bad) {
                flakiness->n_changes++;
                flakiness->changed_at = flakiness->n_added;
        }
        flakiness->n_judged++;
        flakiness->bad = bad;
        if (bad)
                flakiness->n_bad++;
        else if (marks & PTEST_MARK_FLAKY)
                flakiness->n_marked++;
        else
                return;
        flakiness->last_seen = flakiness->n_added;
}

bool flakiness_is_flaky(const Flakiness *flakiness) {
        return flakiness->n_marked > 0 || flakiness->n_changes > 1;
}

bool flakiness_has_changed_once(const Flakiness *flakiness) {
        return flakiness->n_marked == 0 && flakiness->n_changes == 1;
}

double flakiness_get_rate(const Flakiness *flakiness) {
        if (!flakiness_is_flaky(flakiness))
                return 0;
        return (double)(flakiness->n_bad + flakiness->n_marked) / (double)flakiness->n_judged;
}
