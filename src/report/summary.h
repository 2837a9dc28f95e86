/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/style.h"

/*
 * What stands at the end of a run: the failures again, the counts, the verdict
 */

typedef struct SummaryFailure {
        char *address;
        Outcome outcome;
        char *what; /* the reason and the first points that failed; printable */
} SummaryFailure;

typedef struct Summary {
        SummaryFailure *failures; /* the first SUMMARY_FAILURES_MAX */
        size_t n_failures;        /* of those */
        size_t n_allocated;
        size_t n_bad;            /* all */
        size_t n_found;          /* tests that others brought forth */
        size_t n_carried;        /* that have their outcome from another run */
        sd_id128_t carried_from; /* the latest of these runs */
        bool carried_from_more;  /* than one */
        char *not_run_reason;    /* of the first test that was not run */
} Summary;

/* More do not fit on any screen, and a run may have 100,000. */
#define SUMMARY_FAILURES_MAX 500U

void summary_done(Summary *summary);

/* Remembers what is to be said of it in the end. */
int summary_add(Summary *summary, const Result *result);
/* The same of one that another run has; null: none has */
void summary_add_carried(Summary *summary, sd_id128_t run_id);

/* What a run has to do with another one, its order and its part of the suite: "; goes on with run 1a2b3c4d" */
void summary_add_origin(Buffer *text, const Event *event);

/* columns 0: lines are not cut; at most rows failures */
void summary_add_failures(
                const Summary *summary,
                const Style *style,
                Buffer *text,
                size_t columns,
                size_t rows);

/* "✗ glib failed: 12 passed, 1 failed in 3.1s" and what else is to be known */
void summary_add_verdict(
                const Summary *summary, const Style *style, Buffer *text, const Event *event);
