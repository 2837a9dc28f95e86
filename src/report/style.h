/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"
#include "report/terminal.h"

#include <locale.h>
#include <stdbool.h>

/*
 * How text looks on one terminal: colours, characters, widths
 */

typedef enum StyleColor {
        STYLE_PLAIN,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GOOD,
        STYLE_BAD,
        STYLE_WARNING,
        STYLE_COLOR_MAX,
} StyleColor;

typedef struct Style {
        bool tty; /* one on which a line can be drawn over */
        bool color;
        bool utf8;      /* as the locale says */
        locale_t ctype; /* for widths of characters; (locale_t) 0 if there is none with UTF-8 */

        /* Characters that depend on the locale */
        const char *dot; /* between parts of a line, with its spaces */
        const char *ellipsis;
        const char *bar; /* before lines of output */
        const char *good, *bad, *neutral;
} Style;

void style_init(Style *style, int fd, ColorMode color);
void style_done(Style *style);

/* Columns of the terminal at fd; 80 if it does not say. Rows: 24 */
unsigned style_get_columns(int fd);
unsigned style_get_rows(int fd);

/* Text in a colour, or just text */
void style_add(const Style *style, Buffer *text, StyleColor color, const char *s);
/* The same of what came from outside, made printable on one line */
void style_add_safe(const Style *style, Buffer *text, StyleColor color, const char *s);

/* The columns that printable text takes */
size_t style_measure(const Style *style, const char *s);
/* Adds as much of printable text as fits, with an ellipsis if that is not all; returns its columns. */
size_t style_add_cut(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns);

/* "12s", "3min 05s", "1h 02min": an age as it changes on the screen */
void style_add_age(Buffer *text, uint64_t usec);

StyleColor style_get_outcome_color(Outcome outcome);
const char *style_get_outcome_symbol(const Style *style, Outcome outcome);
