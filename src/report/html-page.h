/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The page as it is built from html/: text, and after each piece of it what is to be put in
 */

typedef enum HtmlSlot {
        HTML_SLOT_TITLE,
        HTML_SLOT_ICON,
        HTML_SLOT_NAVIGATION,
        HTML_SLOT_VERDICT,
        HTML_SLOT_COUNTS,
        HTML_SLOT_HISTORY,
        HTML_SLOT_CARDS,
        HTML_SLOT_TIMELINE,
        HTML_SLOT_RANKINGS,
        HTML_SLOT_ROWS,
        HTML_SLOT_FACTS,
        HTML_SLOT_FOOTER,
        HTML_SLOT_DATA,
        HTML_SLOT_END, /* nothing comes after this piece */
} HtmlSlot;

typedef struct HtmlPiece {
        const char *text;
        HtmlSlot slot;
} HtmlPiece;

/* The last one is that with HTML_SLOT_END. */
extern const HtmlPiece html_pieces[];
