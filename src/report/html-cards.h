/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/html-card.h"
#include "report/html-spool.h"
#include "report/html-summary.h"

/*
 * Cards of a kind, in the order in which their tests ended: a section of the page
 *
 * They wait in a spool until the run is over. Only then it is known what earlier runs had of their tests, which is put in.
 */

typedef struct HtmlCards {
        HtmlSpool spool;
        size_t n_cards; /* in the spool */
        size_t n_all;   /* with those that the page has no room for */
        uint64_t shown; /* where those begin that are folded */
        struct {
                uint64_t offset; /* where the past of this test is to stand */
                size_t test;     /* its number among those that are asked for */
                Outcome outcome;
        } * places;
        size_t n_places, n_allocated;
} HtmlCards;

int html_cards_open(HtmlCards *cards, const char *directory);
void html_cards_done(HtmlCards *cards);

/* test: its number for html_summary_add_past(); SIZE_MAX: it is not asked for */
int html_cards_add(HtmlCards *cards, const HtmlCard *card, size_t test);

/* Nothing if there are none. */
int html_cards_write(
                HtmlCards *cards,
                const char *id,
                const char *title,
                const HtmlSummary *summary,
                int fd);
