/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "record/buffer.h"
#include "report/style.h"

/*
 * A status as text for people: a line about the run, and one about each slot
 *
 * The document may come from another process: what is missing is left out, and nothing in it is believed to be printable.
 */

/* columns: lines are cut there; 0: they are not */
void status_text_add(Buffer *text, const Style *style, size_t columns, const json_t *status);
/* An array of them. */
void status_text_add_all(Buffer *text, const Style *style, size_t columns, const json_t *all);

/* To stderr, beside the live line of a terminal. */
void status_text_log(const char *document);
