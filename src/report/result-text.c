/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/result-text.h"

#include <errno.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "report/output-tail.h"

void result_text_add_safe(Buffer *text, const char *s) {
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (safe)
                buffer_add_string(text, safe);
        else
                text->error = -ENOMEM;
}

void result_text_add_texts(
                Buffer *text,
                const char *prefix,
                const char *title,
                char *const *texts,
                size_t lines_max) {
        size_t n = 0;

        strv_for_each(item, texts) {
                if (n == 0)
                        buffer_addf(text, "%s%s:\n", prefix, title);
                if (n++ == lines_max)
                        return;
                buffer_addf(text, "%s  ", prefix);
                result_text_add_safe(text, *item);
                buffer_add(text, "\n", 1);
        }
}

static void result_text_add_output(
                Buffer *text,
                const char *prefix,
                const char *name,
                const ResultOutput *output,
                size_t lines_max,
                size_t bytes_max) {
        _cleanup_output_tail_ OutputTail tail = {};
        char *line, *rest;

        if (output->size == 0 || bytes_max == 0)
                return;
        if (output_tail_init(&tail, output, lines_max, bytes_max) < 0) {
                text->error = -ENOMEM;
                return;
        }
        buffer_addf(text, tail.truncated ? "%s%s, its last lines:\n" : "%s%s:\n", prefix, name);
        rest = tail.text;
        while ((line = strsep(&rest, "\n")))
                buffer_addf(text, "%s  %s\n", prefix, line);
}

void result_text_add_details(
                Buffer *text,
                const char *prefix,
                const Result *result,
                size_t lines_max,
                size_t bytes_max) {
        _cleanup_free_ char **stuck = result->stuck ? result_find_stuck_short(result->stuck) : NULL;

        result_text_add_texts(text, prefix, "backtrace", result->backtrace, lines_max);
        result_text_add_texts(text, prefix, "at its time limit", stuck, lines_max);
        result_text_add_texts(text, prefix, "left in its private places", result->files, lines_max);
        if (result->directory) {
                buffer_addf(text, "%skept in ", prefix);
                result_text_add_safe(text, result->directory);
                buffer_add(text, "\n", 1);
        }
        result_text_add_output(text, prefix, "stdout", &result->out, lines_max, bytes_max);
        result_text_add_output(text, prefix, "stderr", &result->err, lines_max, bytes_max);
}
