/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"

/*
 * What came from outside, as text of the page
 *
 * All of it goes through html_add_text() or html_add_json(), whatever is known of it: they are the only ways from a
 * string of an event into the page.
 */

/*
 * As text or as the value of an attribute in double quotes: printable, see text_escape_lines(), and without a meaning
 * in HTML. Newlines and tabs stay.
 */
void html_add_text(Buffer *html, const char *data, size_t size);
/* The same on one line; NULL is "" */
void html_add_string(Buffer *html, const char *s);
/* A string of JSON with its quotes, without what could end a <script>; NULL is "" */
void html_add_json(Buffer *json, const char *s);

/* "12,345" */
void html_add_count(Buffer *html, uint64_t n);
/* "840ms" */
void html_add_duration(Buffer *html, uint64_t usec);
/* "1.5G"; "–" for SIZE_UNKNOWN */
void html_add_size(Buffer *html, uint64_t bytes);
/* <time>, in UTC, so that the page is the same wherever it is made */
void html_add_date(Buffer *html, uint64_t usec);
