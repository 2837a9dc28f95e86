/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tally.h"
#include "record/buffer.h"

/*
 * Outcomes counted in words: "12 passed, 1 failed, 2 skipped; 1 flaky"
 */

/* "passed", "failed", "expected failures"; as it follows a number */
const char *outcome_to_count_noun(Outcome outcome, size_t count);

/* "no tests" if nothing was counted */
void counts_add(Buffer *text, const Tally *tally);

/* "passed", "failed", "the machinery failed", …; what a person reads of a verdict */
const char *verdict_to_sentence(Verdict verdict);
