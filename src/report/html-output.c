/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "model/output-order.h"
#include "report/html-text.h"

/* A line longer than this is shown with its two ends alone: what a page cannot break it shows as one long bar. */
#define LINE_MAX     4096U
#define LINE_END_MAX 1024U

/* The lines are told twice: to measure, and to show those that are in the head or in the tail. */
typedef struct OutputPrinter {
        Buffer *html; /* NULL: measure */
        const HtmlOutputLimits *limits;
        uint64_t total; /* bytes that are to be shown, all in all */
        uint64_t at;    /* of these */
        bool both;      /* streams have something: stderr is marked */
        uint64_t hidden_lines, hidden_bytes;
} OutputPrinter;

/* What a line counts: with what is not shown of it anyhow taken off. */
static uint64_t line_measure(const OutputLine *line) {
        return 1 + (line->gap ? 0 : MIN(line->size, LINE_MAX + LINE_END_MAX));
}

/* Not into the middle of a character */
static size_t find_character(const char *data, size_t size, size_t at) {
        for (int i = 0; i < 3 && at < size && ((unsigned char)data[at] & 0xc0) == 0x80; i++)
                at++;
        return at;
}

static void add_gap(Buffer *html, uint64_t bytes, uint64_t lines, const char *what) {
        buffer_add_string(html, "<span class=\"gap\">⋯ ");
        if (lines > 0) {
                html_add_count(html, lines);
                buffer_add_string(html, lines == 1 ? " line, " : " lines, ");
        }
        html_add_count(html, bytes);
        buffer_addf(html, " bytes %s ⋯</span>", what);
}

static void add_line(Buffer *html, const OutputLine *line, bool marked) {
        marked = marked && line->err;
        buffer_add_string(html, marked ? "<span class=\"err\">" : "");
        if (line->gap) {
                add_gap(html, line->size, 0, "were not kept");
        } else if (line->size <= LINE_MAX + LINE_END_MAX) {
                html_add_text(html, line->data, line->size);
        } else {
                size_t head = find_character(line->data, line->size, LINE_MAX);
                size_t tail = find_character(line->data, line->size, line->size - LINE_END_MAX);

                html_add_text(html, line->data, head);
                add_gap(html, tail - head, 0, "of this line left out");
                html_add_text(html, line->data + tail, line->size - tail);
        }
        buffer_add_string(html, marked ? "</span>\n" : "\n");
}

static void printer_end_hidden(OutputPrinter *printer) {
        if (printer->hidden_lines == 0)
                return;
        add_gap(printer->html, printer->hidden_bytes, printer->hidden_lines, "left out");
        buffer_add_string(printer->html, "\n");
        printer->hidden_lines = printer->hidden_bytes = 0;
}

static int printer_on_line(const OutputLine *line, void *userdata) {
        OutputPrinter *printer = userdata;
        const HtmlOutputLimits *limits = printer->limits;
        uint64_t size = line_measure(line), begin = printer->at;

        printer->at += size;
        if (!printer->html)
                return 0;
        if (printer->at <= limits->head || begin + limits->tail >= printer->total ||
            printer->total <= limits->head + limits->tail) {
                printer_end_hidden(printer);
                add_line(printer->html, line, printer->both);
        } else {
                printer->hidden_lines++;
                printer->hidden_bytes += line->size;
        }
        return buffer_error(printer->html);
}

static void add_title(Buffer *html, const Result *result) {
        buffer_add_string(html, "<h4>Output");
        if (result->out.size > 0 && result->err.size > 0)
                buffer_add_string(
                                html,
                                " <small><span class=\"err\">stderr</span> is marked</small>");
        else
                buffer_addf(html, " <small>%s</small>", result->err.size > 0 ? "stderr" : "stdout");
        buffer_add_string(html, "</h4>\n");
}

void html_output_add(Buffer *html, const Result *result, const HtmlOutputLimits *limits) {
        OutputPrinter printer = { .limits = limits };
        Result shown = *result; /* owns nothing */

        if (result->out.size == 0 && result->err.size == 0)
                return;
        add_title(html, result);
        if (limits->head + limits->tail == 0) {
                buffer_add_string(html, "<p class=\"note\">");
                html_add_count(html, result->out.total + result->err.total);
                buffer_add_string(
                                html,
                                " bytes; the page has no room for more output. The command below shows it.</p>\n");
                return;
        }
        /* An order that is broken is none. */
        if (output_order_for_each_line(&shown, printer_on_line, &printer) < 0) {
                shown.order = NULL;
                printer.at = 0;
                (void)output_order_for_each_line(&shown, printer_on_line, &printer);
        }
        printer = (OutputPrinter){ .html = html,
                                   .limits = limits,
                                   .total = printer.at,
                                   .both = result->out.size > 0 && result->err.size > 0 };
        /* HTML drops the newline that follows <pre>, and no other. */
        buffer_add_string(html, "<pre class=\"output\" tabindex=\"0\">\n");
        (void)output_order_for_each_line(&shown, printer_on_line, &printer);
        printer_end_hidden(&printer);
        buffer_add_string(html, "</pre>\n");
}
