/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tally.h"
#include "record/buffer.h"
#include "record/event.h"

/*
 * Outcomes counted in words: "12 passed, 1 failed, 2 skipped; 1 flaky"
 */

/* "passed", "failed", "expected failures"; as it follows a number */
const char *outcome_to_count_noun(Outcome outcome, size_t count);

/* "no tests" if nothing was counted */
void counts_add(Buffer *text, const Tally *tally);

/* "passed", "failed", "the machinery failed", …; what a person reads of a verdict */
const char *verdict_to_sentence(Verdict verdict);

/*
 * The run as a test, "(run)", for a report that has tests only: it must not look better than the run was. 0: the
 * verdict follows from the others, of which some failed or not; 1: it does not
 */
int verdict_to_result(const Event *run_finished, bool some_failed, Result **ret);
