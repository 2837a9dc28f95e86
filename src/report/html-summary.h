/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/html-timeline.h"
#include "report/reporter.h"

/*
 * The parts of the page that tell of the run as a whole
 */

#define HTML_RANKING_MAX 10U

/* The largest of something, the first of them first; equal ones in the order in which they came. */
typedef struct HtmlRanking {
        struct {
                char *address;
                Outcome outcome;
                uint64_t value;
        } rows[HTML_RANKING_MAX + 1];
        size_t n_rows;
} HtmlRanking;

int html_ranking_add(HtmlRanking *ranking, const Result *result, uint64_t value);
void html_ranking_done(HtmlRanking *ranking);

typedef struct HtmlSummary {
        const Event *started;
        const Event *finished;
        char run_id[SD_ID128_STRING_MAX];
        size_t n_failures;   /* cards, those without a place in the page counted */
        size_t n_noteworthy; /* the same of what passed, with a mark */
        const HtmlRanking *slowest, *hungriest;
        HtmlHistoryRun *history;
        size_t n_history;
} HtmlSummary;

void html_summary_add_title(Buffer *html, const HtmlSummary *summary);
void html_summary_add_icon(Buffer *html, const HtmlSummary *summary);
void html_summary_add_navigation(Buffer *html, const HtmlSummary *summary);
void html_summary_add_verdict(Buffer *html, const HtmlSummary *summary);
void html_summary_add_counts(Buffer *html, const HtmlSummary *summary);
void html_summary_add_history(Buffer *html, const HtmlSummary *summary);
/* What the runs before had of a test that was asked for; nothing if none had it. */
void html_summary_add_past(Buffer *html, const HtmlSummary *summary, size_t test, Outcome outcome);
void html_summary_add_rankings(Buffer *html, const HtmlSummary *summary);
void html_summary_add_facts(Buffer *html, const HtmlSummary *summary);
void html_summary_add_footer(Buffer *html, const HtmlSummary *summary);
