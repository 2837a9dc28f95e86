/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-cards.h"

#include <errno.h>

#include "basic/array.h"
#include "report/html-text.h"

/* Those that are seen without opening the list of the others */
#define CARDS_SHOWN 20U

int html_cards_open(HtmlCards *cards, const char *directory) {
        return html_spool_open(&cards->spool, directory);
}

void html_cards_done(HtmlCards *cards) {
        html_spool_done(&cards->spool);
        free(cards->places);
        cards->places = NULL;
}

static int cards_add_place(HtmlCards *cards, uint64_t offset, size_t test, Outcome outcome) {
        if (array_reserve(cards->places, cards->n_allocated, cards->n_places + 1) < 0)
                return -ENOMEM;
        cards->places[cards->n_places].offset = offset;
        cards->places[cards->n_places].test = test;
        cards->places[cards->n_places++].outcome = outcome;
        return 0;
}

int html_cards_add(HtmlCards *cards, const HtmlCard *card, size_t test) {
        uint64_t place = html_spool_tell(&cards->spool);
        int r = 0;

        place += html_card_add(&cards->spool.buffer, card);
        if (test != SIZE_MAX)
                r = cards_add_place(cards, place, test, card->result->outcome);
        if (r < 0)
                return r;
        cards->n_all++;
        if (++cards->n_cards == CARDS_SHOWN)
                cards->shown = html_spool_tell(&cards->spool);
        return html_spool_flush(&cards->spool);
}

/* From an offset to another, with what was asked for put in. */
static int cards_copy(
                HtmlCards *cards, uint64_t from, uint64_t to, const HtmlSummary *summary, int fd) {
        _cleanup_buffer_ Buffer text = {};
        int r = 0;

        for (size_t i = 0; i < cards->n_places && r >= 0; i++) {
                uint64_t offset = cards->places[i].offset;

                if (offset < from || offset >= to)
                        continue;
                r = html_spool_copy(&cards->spool, from, offset - from, fd);
                html_summary_add_past(
                                &text, summary, cards->places[i].test, cards->places[i].outcome);
                if (r >= 0)
                        r = html_buffer_write(&text, fd);
                from = offset;
        }
        return r < 0 ? r : html_spool_copy(&cards->spool, from, to - from, fd);
}

static void cards_add_head(
                Buffer *text, const HtmlCards *cards, const char *id, const char *title) {
        buffer_addf(text,
                    "<section id=\"%s\" class=\"cards\" aria-labelledby=\"%s-title\">\n"
                    "<h2 id=\"%s-title\">%s <span class=\"n\">",
                    id,
                    id,
                    id,
                    title);
        html_add_count(text, cards->n_all);
        buffer_add_string(text, "</span></h2>\n");
}

static void cards_add_foot(Buffer *text, const HtmlCards *cards, const HtmlSummary *summary) {
        if (cards->n_all > cards->n_cards) {
                buffer_add_string(
                                text, "<p class=\"note\">The page has no room for the details of ");
                html_add_count(text, cards->n_all - cards->n_cards);
                buffer_addf(text,
                            " more. They are in the list of tests; <code>ptest log --run=%.12s "
                            "ADDRESS</code> shows each.</p>\n",
                            summary->run_id);
        }
        buffer_add_string(text, "</section>\n");
}

int html_cards_write(
                HtmlCards *cards,
                const char *id,
                const char *title,
                const HtmlSummary *summary,
                int fd) {
        _cleanup_buffer_ Buffer text = {};
        uint64_t size = html_spool_tell(&cards->spool);
        bool folds = cards->n_cards > CARDS_SHOWN;
        uint64_t shown = folds ? cards->shown : size;
        int r;

        if (cards->n_all == 0)
                return 0;
        cards_add_head(&text, cards, id, title);
        r = html_buffer_write(&text, fd);
        if (r >= 0)
                r = cards_copy(cards, 0, shown, summary, fd);
        if (folds) {
                buffer_add_string(&text, "<details class=\"more\"><summary>");
                html_add_count(&text, cards->n_cards - CARDS_SHOWN);
                buffer_add_string(&text, " more</summary>\n");
        }
        if (r >= 0)
                r = html_buffer_write(&text, fd);
        if (r >= 0)
                r = cards_copy(cards, shown, size, summary, fd);
        if (folds)
                buffer_add_string(&text, "</details>\n");
        cards_add_foot(&text, cards, summary);
        return r < 0 ? r : html_buffer_write(&text, fd);
}
