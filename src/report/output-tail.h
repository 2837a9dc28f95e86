/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"

#include <stdbool.h>

/*
 * The last lines of what a test printed, made safe to show
 */

typedef struct OutputTail {
        char *text; /* printable UTF-8, '\n' and '\t'; without a newline at its end; "" for no output */
        bool truncated; /* text does not begin at the begin of the output */
        size_t n_lines; /* in text */
} OutputTail;

/*
 * At most so many lines and bytes (before escaping); a line that is too long loses its begin. Where bytes in the middle
 * were not kept, a line more says so.
 */
int output_tail_init(
                OutputTail *tail, const ResultOutput *output, size_t lines_max, size_t bytes_max);
void output_tail_done(OutputTail *tail);

#define _cleanup_output_tail_ _cleanup_(output_tail_done)
