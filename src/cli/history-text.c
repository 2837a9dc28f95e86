/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/text.h"
#include "report/counts.h"

/* Above this the memory of a printed part is given back. */
#define TEXT_KEEP (64U * 1024U)

void text_add_padded(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns) {
        size_t width = style_measure(style, s);

        style_add(style, text, color, s);
        if (width < columns)
                buffer_fill(text, ' ', columns - width);
}

void text_add_right(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns) {
        size_t width = style_measure(style, s);

        if (width < columns)
                buffer_fill(text, ' ', columns - width);
        style_add(style, text, color, s);
}

void text_add_safe(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns) {
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (!safe)
                text->error = -ENOMEM;
        else
                style_add_cut(style, text, color, safe, columns);
}

void text_add_when(Buffer *text, uint64_t usec) {
        char when[FORMAT_MAX] = "";

        if (format_local_time(when, usec))
                *strrchr(when, ':') = '\0'; /* without the seconds */
        buffer_addf(text, "%-16s", when);
}

void text_add_run_id(const Style *style, Buffer *text, StyleColor color, sd_id128_t id) {
        char digits[SD_ID128_STRING_MAX];

        sd_id128_to_string(id, digits);
        digits[RUN_ID_COLUMNS] = '\0';
        style_add(style, text, color, digits);
}

const char *history_run_get_end(const HistoryRun *run) {
        return run->finished ? verdict_to_sentence(run->verdict) : "goes on, or was cut off";
}

StyleColor history_run_get_end_color(const HistoryRun *run) {
        if (!run->finished)
                return STYLE_WARNING;
        return run->verdict == VERDICT_PASSED ? STYLE_GOOD : STYLE_BAD;
}

StripCell history_result_get_cell(const HistoryResult *result) {
        if (!result)
                return STRIP_ABSENT;
        if (outcome_is_bad(result->outcome))
                return STRIP_BAD;
        if (result->outcome == PTEST_OUTCOME_NOT_RUN)
                return STRIP_NOT_RUN;
        if (result->outcome == PTEST_OUTCOME_SKIP)
                return STRIP_SKIPPED;
        return result->marks & PTEST_MARK_FLAKY ? STRIP_FLAKY : STRIP_PASSED;
}

void text_add_strip_cell(const Style *style, Buffer *text, StripCell cell) {
        const struct {
                const char *symbol;
                StyleColor color;
        } cells[STRIP_CELL_MAX] = {
                [STRIP_PASSED] = {style->good,               STYLE_GOOD   },
                [STRIP_BAD] = { style->bad,               STYLE_BAD    },
                [STRIP_FLAKY] = { "~",                      STYLE_WARNING},
                [STRIP_SKIPPED] = { style->neutral,           STYLE_WARNING},
                [STRIP_NOT_RUN] = { "-",                      STYLE_DIM    },
                [STRIP_ABSENT] = { style->utf8 ? "·" : ".", STYLE_DIM    },
        };

        style_add(style, text, cells[cell].color, cells[cell].symbol);
}

void text_add_strip_legend(const Style *style, Buffer *text, unsigned cells) {
        static const char *const meanings[STRIP_CELL_MAX] = {
                [STRIP_PASSED] = "passed",   [STRIP_BAD] = "bad",
                [STRIP_FLAKY] = "flaky",     [STRIP_SKIPPED] = "skipped",
                [STRIP_NOT_RUN] = "not run", [STRIP_ABSENT] = "not there",
        };
        const char *separator = "";

        for (StripCell cell = 0; cell < STRIP_CELL_MAX; cell++) {
                if (!(cells >> cell & 1U))
                        continue;
                buffer_add_string(text, separator);
                text_add_strip_cell(style, text, cell);
                buffer_add_string(text, " ");
                style_add(style, text, STYLE_DIM, meanings[cell]);
                separator = "  ";
        }
        buffer_add_string(text, "\n");
}

void text_add_sparkline(
                const Style *style,
                Buffer *text,
                StyleColor color,
                const uint64_t *values,
                size_t n) {
        static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
        static const char *const digits[] = { "1", "2", "3", "4", "5", "6", "7", "8" };
        _cleanup_buffer_ Buffer line = {};
        _cleanup_free_ char *s = NULL;
        uint64_t most = 0;

        for (size_t i = 0; i < n; i++)
                most = MAX(most, values[i]);
        for (size_t i = 0; i < n; i++) {
                size_t height = most > 0 ? (size_t)((double)values[i] / (double)most * 7.999) : 0;

                if (values[i] == 0)
                        buffer_add_string(&line, " ");
                else
                        buffer_add_string(&line, (style->utf8 ? bars : digits)[MIN(height, 7U)]);
        }
        s = buffer_take_string(&line);
        if (s)
                style_add(style, text, color, s);
        else
                text->error = -ENOMEM;
}

void text_add_factor(const Style *style, Buffer *text, uint64_t before, uint64_t after) {
        const char *times = style->utf8 ? "×" : "x";
        double factor = (double)after / (double)MAX(before, 1U);

        if (factor >= 9.95)
                buffer_addf(text, "%.0f%s", factor, times);
        else
                buffer_addf(text, factor < 0.1 ? "%.2f%s" : "%.1f%s", factor, times);
}

size_t style_get_line_columns(const Style *style, int fd) {
        return style->tty ? style_get_columns(fd) : SIZE_MAX;
}

int text_print(Buffer *text) {
        if (buffer_error(text) < 0)
                return buffer_error(text);
        fwrite(text->data, 1, text->size, stdout);
        buffer_reset(text, TEXT_KEEP);
        return 0;
}
