/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/outcome.h"

#include <stdbool.h>

typedef PtestOutcome Outcome;

/* "pass", "not-run"; NULL for an invalid value */
const char *outcome_to_string(Outcome outcome);
/* PTEST_OUTCOME_INVALID for an unknown word */
Outcome outcome_from_string(const char *s);

/* One of these makes a run fail: fail, xpass, error, timeout, crash, oom, lost. */
bool outcome_is_bad(Outcome outcome);

/* "slow", "flaky", "leaky"; one bit */
const char *mark_to_string(PtestMark mark);
/* 0 for an unknown word */
PtestMark mark_from_string(const char *s);
