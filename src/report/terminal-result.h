/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "report/style.h"

/*
 * What a person is shown of one result
 */

/*
 * A line: on a screen "✗ gobject/closure  fail: exit status 1 (420ms)"; in a log, where they are counted,
 * "FAIL      12/1200 gobject/closure: exit status 1 (420ms)" or "skip … # reason"
 */
void terminal_result_add_line(
                const Style *style, Buffer *text, const Result *result, const Tally *tally);

/* " (420ms) flaky", as far as there are any */
void terminal_result_add_duration_and_marks(const Style *style, Buffer *text, const Result *result);

/* All that helps to see what went wrong */
void terminal_result_add_details(const Style *style, Buffer *text, const Result *result);

/* What it left changed, which is told of a good one too */
void terminal_result_add_dirty(const Style *style, Buffer *text, const Result *result);
