/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "record/buffer.h"

/*
 * What a test printed, as a part of the page: its head and its tail, with what is left out counted
 */

typedef struct HtmlOutputLimits {
        size_t head, tail; /* bytes; both 0: no output */
} HtmlOutputLimits;

/* Both streams in their order, as far as it is known; nothing if the test printed nothing. */
void html_output_add(Buffer *html, const Result *result, const HtmlOutputLimits *limits);
