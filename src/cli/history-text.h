/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-run.h"
#include "report/style.h"

/*
 * Parts of what is printed for people when runs are compared
 */

/* In columns of its own; what is longer than them stands as it is. */
void text_add_padded(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns);
void text_add_right(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns);

/* Any text made printable. It is cut to these columns; SIZE_MAX: it is not. */
void text_add_safe(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns);

/* "2026-11-22 07:10", in local time; 16 columns, which are blank if it is not known */
void text_add_when(Buffer *text, uint64_t usec);

/* The first digits of an id, enough to name the run. */
#define RUN_ID_COLUMNS 8U
void text_add_run_id(const Style *style, Buffer *text, StyleColor color, sd_id128_t id);

/* "failed", "still running or cut off"; and its colour */
const char *history_run_get_end(const HistoryRun *run);
StyleColor history_run_get_end_color(const HistoryRun *run);

/* What one column of a strip of results stands for */
typedef enum StripCell {
        STRIP_PASSED, /* or failed as expected */
        STRIP_BAD,
        STRIP_FLAKY,
        STRIP_SKIPPED,
        STRIP_NOT_RUN,
        STRIP_ABSENT,
        STRIP_CELL_MAX,
} StripCell;

StripCell history_result_get_cell(const HistoryResult *result); /* NULL: there is none */
void text_add_strip_cell(const Style *style, Buffer *text, StripCell cell);
/* What they mean, a line; of a set of 1 << StripCell */
void text_add_strip_legend(const Style *style, Buffer *text, unsigned cells);

/* Bars as high as the values, 0 for a gap. ASCII has digits. */
void text_add_sparkline(
                const Style *style,
                Buffer *text,
                StyleColor color,
                const uint64_t *values,
                size_t n);

/* "3.4×", "3.4x" */
void text_add_factor(const Style *style, Buffer *text, uint64_t before, uint64_t after);

/* The columns that lines may take: of the terminal, or SIZE_MAX where nobody looks. */
size_t style_get_line_columns(const Style *style, int fd);

/* To standard output, and empties it. -ENOMEM: it was not all there */
int text_print(Buffer *text);
