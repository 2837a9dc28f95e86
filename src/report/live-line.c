/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/live-line.h"

#include <string.h>

#include "basic/text.h"

/* A running test's name is cut for want of room, but not below this. */
#define LIVE_NAME_MIN         8U
/* In a heartbeat; the oldest are what one wants to know. */
#define HEARTBEAT_RUNNING_MAX 8U

/* A line that knows how many columns it has left. */
typedef struct Line {
        const Style *style;
        Buffer *text;
        size_t room;
} Line;

static void line_add(Line *line, StyleColor color, const char *s) {
        line->room -= style_add_cut(line->style, line->text, color, s, line->room);
}

/* The same, if it fits. */
static bool line_add_whole(Line *line, StyleColor color, const char *s) {
        if (style_measure(line->style, s) > line->room)
                return false;
        line_add(line, color, s);
        return true;
}

/* " 12s" */
static char *age_to_string(const TerminalRunning *running) {
        _cleanup_buffer_ Buffer age = {};

        buffer_add(&age, " ", 1);
        style_add_age(&age, running->age_usec);
        return buffer_take_string(&age);
}

/* " · ~2min left": rounded, it is an estimate */
static char *remaining_to_string(const Style *style, const TerminalProgress *progress) {
        uint64_t seconds = (progress->remaining_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        _cleanup_buffer_ Buffer text = {};

        if (progress->remaining_usec != USEC_INFINITY && progress->reported < progress->planned) {
                buffer_addf(&text, "%s~", style->dot);
                if (seconds < 60)
                        buffer_addf(&text, "%us", (unsigned)seconds);
                else if (seconds < 90 * 60)
                        buffer_addf(&text, "%umin", (unsigned)((seconds + 30) / 60));
                else
                        buffer_addf(&text, "%.1fh", (double)seconds / 3600);
                buffer_add_string(&text, " left");
        }
        return buffer_take_string(&text);
}

/* ": a 12s, b 3s, …": those that fit, the first one cut if it must be */
static void line_add_running(Line *line, const TerminalProgress *progress) {
        size_t ellipsis = style_measure(line->style, ", ") +
                        style_measure(line->style, line->style->ellipsis);

        for (size_t i = 0; i < progress->n_running; i++) {
                const TerminalRunning *running = progress->running + i;
                _cleanup_free_ char *age = age_to_string(running);
                size_t after = i + 1 < progress->n_running ? ellipsis : 0, need;

                if (!age)
                        return;
                need = 2 + style_measure(line->style, running->address) + strlen(age) + after;
                if (need <= line->room) {
                        line_add(line, STYLE_PLAIN, i == 0 ? ": " : ", ");
                        line_add(line, STYLE_PLAIN, running->address);
                        line_add(line, STYLE_DIM, age);
                        continue;
                }
                if (i == 0 && line->room >= 2 + LIVE_NAME_MIN + strlen(age) + after) {
                        size_t name = line->room - 2 - strlen(age) - after;

                        line_add(line, STYLE_PLAIN, ": ");
                        line->room -= style_add_cut(
                                        line->style,
                                        line->text,
                                        STYLE_PLAIN,
                                        running->address,
                                        name);
                        line_add(line, STYLE_DIM, age);
                        if (after > 0)
                                continue;
                        return;
                }
                if (i > 0 && ellipsis <= line->room) {
                        line_add(line, STYLE_PLAIN, ", ");
                        line_add(line, STYLE_PLAIN, line->style->ellipsis);
                }
                return;
        }
}

void live_line_add(
                const Style *style,
                Buffer *text,
                const TerminalProgress *progress,
                size_t columns) {
        Line line = { .style = style, .text = text, .room = columns };
        _cleanup_free_ char *remaining = remaining_to_string(style, progress);
        _cleanup_free_ char *bad = NULL, *running = NULL, *head = NULL;
        size_t reserved;

        if (text_setf(&head, "[%zu/%zu]", progress->reported, progress->planned) < 0 ||
            text_setf(&bad, " %zu failed", progress->bad) < 0 ||
            text_setf(&running, "%s%zu running", style->dot, progress->n_running) < 0 || !remaining)
                return;

        line_add(&line, STYLE_BOLD, head);
        if (progress->bad > 0)
                line_add(&line, STYLE_BAD, bad);
        if (progress->n_running > 0 && !line_add_whole(&line, STYLE_PLAIN, running))
                return;

        reserved = style_measure(style, remaining);
        if (reserved > line.room)
                return;
        line.room -= reserved;
        line_add_running(&line, progress);
        line.room += reserved;
        line_add(&line, STYLE_DIM, remaining);
}

void heartbeat_add(const Style *style, Buffer *text, const TerminalProgress *progress) {
        buffer_addf(text, "%s %zu/%zu", style->ellipsis, progress->reported, progress->planned);
        if (progress->bad > 0)
                buffer_addf(text, ", %zu failed", progress->bad);
        if (progress->n_running > 0)
                buffer_addf(text, ", %zu running", progress->n_running);
        for (size_t i = 0; i < progress->n_running; i++) {
                if (i == HEARTBEAT_RUNNING_MAX) {
                        buffer_addf(text, ", %s", style->ellipsis);
                        break;
                }
                buffer_addf(text, "%s%s ", i == 0 ? ": " : ", ", progress->running[i].address);
                style_add_age(text, progress->running[i].age_usec);
        }
        buffer_add_string(text, ", ");
        style_add_age(text, progress->elapsed_usec);
        buffer_add(text, "\n", 1);
}
