/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/terminal-result.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "report/output-tail.h"

/* Enough to see what went wrong; "ptest log" has all. */
#define TAIL_LINES_MAX 20U
#define TAIL_BYTES_MAX (8U * 1024U)
#define POINTS_MAX     10U
#define TEXTS_MAX      20U

static const char *outcome_to_label(Outcome outcome) {
        static const char *const labels[PTEST_OUTCOME_MAX] = {
                [PTEST_OUTCOME_PASS] = "ok",         [PTEST_OUTCOME_FAIL] = "FAIL",
                [PTEST_OUTCOME_SKIP] = "skip",       [PTEST_OUTCOME_XFAIL] = "xfail",
                [PTEST_OUTCOME_XPASS] = "XPASS",     [PTEST_OUTCOME_ERROR] = "ERROR",
                [PTEST_OUTCOME_TIMEOUT] = "TIMEOUT", [PTEST_OUTCOME_CRASH] = "CRASH",
                [PTEST_OUTCOME_OOM] = "OOM",         [PTEST_OUTCOME_LOST] = "LOST",
                [PTEST_OUTCOME_NOT_RUN] = "not-run",
        };

        return labels[outcome];
}

static void add_tail(
                const Style *style, Buffer *text, const char *name, const ResultOutput *output) {
        _cleanup_output_tail_ OutputTail tail = {};
        char *line, *rest;

        if (output->size == 0)
                return;
        if (output_tail_init(&tail, output, TAIL_LINES_MAX, TAIL_BYTES_MAX) < 0) {
                text->error = -ENOMEM;
                return;
        }
        if (tail.n_lines == 0)
                return;
        buffer_add_string(text, "  ");
        style_add(style, text, STYLE_DIM, name);
        style_add(style, text, STYLE_DIM, tail.truncated ? ", its last lines:" : ":");
        buffer_add(text, "\n", 1);
        rest = tail.text;
        while ((line = strsep(&rest, "\n"))) {
                buffer_add_string(text, "  ");
                style_add(style, text, STYLE_DIM, style->bar);
                buffer_addf(text, " %s\n", line);
        }
}

static void add_points(const Style *style, Buffer *text, const Result *result) {
        size_t n = 0;

        for (size_t i = 0; i < result->n_points; i++) {
                const ResultPoint *point = result->points + i;

                if (!outcome_is_bad(point->outcome))
                        continue;
                if (n++ == POINTS_MAX) {
                        buffer_addf(text, "  %s\n", style->ellipsis);
                        return;
                }
                buffer_add_string(text, "  ");
                style_add_safe(style, text, STYLE_BAD, outcome_to_string(point->outcome));
                if (point->number > 0)
                        buffer_addf(text, " %" PRIu64, point->number);
                if (point->name[0])
                        buffer_add_string(text, " ");
                style_add_safe(style, text, STYLE_PLAIN, point->name);
                buffer_add(text, "\n", 1);
        }
}

/* What it left changed, where it crashed: a line each, at most TEXTS_MAX. */
static void add_texts(const Style *style, Buffer *text, const char *title, char *const *texts) {
        size_t n = 0;

        strv_for_each(item, texts) {
                if (n == 0) {
                        buffer_add_string(text, "  ");
                        style_add(style, text, STYLE_DIM, title);
                        buffer_add(text, "\n", 1);
                }
                buffer_add_string(text, "  ");
                style_add(style, text, STYLE_DIM, style->bar);
                buffer_add_string(text, " ");
                if (n++ == TEXTS_MAX) {
                        buffer_addf(text, "%s\n", style->ellipsis);
                        return;
                }
                style_add_safe(style, text, STYLE_PLAIN, *item);
                buffer_add(text, "\n", 1);
        }
}

/* What hung, and where: the rest is in the record. */
static void add_stuck(const Style *style, Buffer *text, const char *title, char *const *stuck) {
        _cleanup_free_ char **lines = stuck ? result_find_stuck_short(stuck) : NULL;

        add_texts(style, text, title, lines);
}

void terminal_result_add_dirty(const Style *style, Buffer *text, const Result *result) {
        add_texts(style, text, "left changed in its process:", result->dirty);
}

/* An assertion says the same on stderr as in its reason, for those who read one of the two. */
static bool output_says_reason(const ResultOutput *output, const char *reason) {
        size_t size = output->size;

        while (size > 0 && output->data[size - 1] == '\n')
                size--;
        return reason && size > 0 && size == strlen(reason) &&
                        memcmp(output->data, reason, size) == 0;
}

void terminal_result_add_details(const Style *style, Buffer *text, const Result *result) {
        add_points(style, text, result);
        add_texts(style, text, "backtrace:", result->backtrace);
        add_stuck(style, text, "at its time limit:", result->stuck);
        terminal_result_add_dirty(style, text, result);
        add_texts(style, text, "left in its private places:", result->files);
        if (result->directory) {
                buffer_add_string(text, "  ");
                style_add(style, text, STYLE_DIM, "kept in ");
                style_add_safe(style, text, STYLE_PLAIN, result->directory);
                buffer_add(text, "\n", 1);
        }
        add_tail(style, text, "stdout", &result->out);
        if (!output_says_reason(&result->err, result->reason))
                add_tail(style, text, "stderr", &result->err);
}

void terminal_result_add_duration_and_marks(
                const Style *style, Buffer *text, const Result *result) {
        char duration[FORMAT_MAX];

        if (result->start_usec > 0 || result->duration_usec > 0) {
                _cleanup_free_ char *part = NULL;

                if (text_setf(&part, " (%s)", format_time(duration, result->duration_usec)) < 0) {
                        text->error = -ENOMEM;
                        return;
                }
                style_add(style, text, STYLE_DIM, part);
        }
        for (unsigned bit = PTEST_MARK_SLOW; bit < PTEST_MARK_END; bit <<= 1)
                if (result->marks & bit) {
                        buffer_add(text, " ", 1);
                        style_add(style, text, STYLE_WARNING, mark_to_string((PtestMark)bit));
                }
}

/* A tty: "✗ gobject/closure  fail: exit status 1 (420ms)" */
static void add_screen_line(const Style *style, Buffer *text, const Result *result) {
        StyleColor color = style_get_outcome_color(result->outcome);

        style_add(style, text, color, style_get_outcome_symbol(style, result->outcome));
        buffer_add(text, " ", 1);
        style_add_safe(style,
                       text,
                       outcome_is_bad(result->outcome) ? STYLE_BOLD : STYLE_PLAIN,
                       result->address);
        if (result->outcome != PTEST_OUTCOME_PASS) {
                buffer_add_string(text, "  ");
                style_add(style, text, color, outcome_to_string(result->outcome));
                if (result->reason) {
                        buffer_add_string(text, ": ");
                        style_add_safe(style, text, STYLE_PLAIN, result->reason);
                }
        }
        terminal_result_add_duration_and_marks(style, text, result);
        buffer_add(text, "\n", 1);
}

static int count_digits(size_t n) {
        int digits = 1;

        for (; n >= 10; n /= 10)
                digits++;
        return digits;
}

/* A log: "FAIL      12/1200 gobject/closure: exit status 1 (420ms)", "skip … # reason" */
static void add_log_line(
                const Style *style, Buffer *text, const Result *result, const Tally *tally) {
        const char *label = outcome_to_label(result->outcome);
        size_t reported = tally_reported(tally), planned = tally->planned;

        style_add(style, text, style_get_outcome_color(result->outcome), label);
        buffer_fill(text, ' ', strlen(label) < 8 ? 8 - strlen(label) : 1);
        buffer_addf(text, "%*zu/%zu ", count_digits(planned), reported, planned);
        style_add_safe(style, text, STYLE_PLAIN, result->address);
        if (result->reason) {
                buffer_add_string(text, outcome_is_bad(result->outcome) ? ": " : " # ");
                style_add_safe(style, text, STYLE_PLAIN, result->reason);
        }
        terminal_result_add_duration_and_marks(style, text, result);
        buffer_add(text, "\n", 1);
}

void terminal_result_add_line(
                const Style *style, Buffer *text, const Result *result, const Tally *tally) {
        if (style->tty)
                add_screen_line(style, text, result);
        else
                add_log_line(style, text, result, tally);
}
