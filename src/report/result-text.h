/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "record/buffer.h"

/*
 * What is known of a result, as lines of text that each begin with a prefix: for formats in which such a line is a comment
 */

/* One line, whatever it is */
void result_text_add_safe(Buffer *text, const char *s);

/* "title:" and an item a line, at most lines_max */
void result_text_add_texts(
                Buffer *text,
                const char *prefix,
                const char *title,
                char *const *texts,
                size_t lines_max);

/* Of a bad one: backtrace, stuck report, files, and the last lines of what it wrote; bytes_max 0: without these */
void result_text_add_details(
                Buffer *text,
                const char *prefix,
                const Result *result,
                size_t lines_max,
                size_t bytes_max);
