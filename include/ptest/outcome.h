/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a test can end
 *
 * Every planned test ends in exactly one outcome. The words that outcome_to_string() gives ("pass",
 * "not-run") are what stands in records, reports and on the command line; they never change meaning.
 */

typedef enum PtestOutcome {
        PTEST_OUTCOME_PASS, /* did what it should */
        PTEST_OUTCOME_FAIL, /* said that it failed: exit status, "not ok", a plan that does not fit */
        PTEST_OUTCOME_SKIP, /* said that it cannot run here: exit status 77, "1..0", all points skipped */
        PTEST_OUTCOME_XFAIL, /* failed, as it was expected to */
        PTEST_OUTCOME_XPASS, /* passed although it was expected to fail; counts as a failure */
        PTEST_OUTCOME_ERROR, /* could not be judged: exit status 99, cannot be started, bail-out */
        PTEST_OUTCOME_TIMEOUT, /* ran longer than it may */
        PTEST_OUTCOME_CRASH,   /* ended by a signal that nobody here sent */
        PTEST_OUTCOME_OOM,     /* killed because a memory limit was reached */
        PTEST_OUTCOME_LOST,    /* its worker ended under it and took the result along */
        PTEST_OUTCOME_NOT_RUN, /* not run, or not to its end; the reason says why */
        PTEST_OUTCOME_MAX,
        PTEST_OUTCOME_INVALID = -22, /* -EINVAL */
} PtestOutcome;

/* What may stand beside an outcome; a set of bits. */
typedef enum PtestMark {
        PTEST_MARK_SLOW = 1 << 0,  /* ran longer than half of its time limit */
        PTEST_MARK_FLAKY = 1 << 1, /* failed in an earlier attempt */
        PTEST_MARK_LEAKY = 1 << 2, /* left processes behind, which were ended */
        PTEST_MARK_DIRTY = 1 << 3, /* left the process that ran it changed, which was replaced */
        PTEST_MARK_END = 1 << 4,   /* no mark: above all of them */
} PtestMark;
