/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/html-output.h"

#include <stdbool.h>

#include <systemd/sd-id128.h>

/*
 * One result with all that is known of it, as a <details> that can stand alone
 */

typedef struct HtmlCard {
        const Result *result;
        const char *run_id;
        bool fixture;
        bool open;
        size_t number; /* of the card's id */
        HtmlOutputLimits limits;
        const char *attempts; /* HTML of those before; may be NULL */
        size_t attempts_size;
} HtmlCard;

/* Returns where in what it added more can be put in: what earlier runs had of it. */
size_t html_card_add(Buffer *html, const HtmlCard *card);

/* An attempt that was not the last, as a part of its test's card. */
void html_card_add_attempt(Buffer *html, const Result *result, const HtmlOutputLimits *limits);

/* "o-fail": the class of an outcome */
const char *outcome_to_class(Outcome outcome);
/* <span class="badge o-fail">fail</span> */
void html_add_badge(Buffer *html, Outcome outcome);
void html_add_marks(Buffer *html, unsigned marks);
