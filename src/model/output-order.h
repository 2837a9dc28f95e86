/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Output order: in which order the bytes of stdout and stderr were written, as far as that is known
 *
 * The two are separate pipes: what is known is when each part was read. What a test writes to both between two reads
 * has no order; it is given with stdout first. A part is some bytes of one stream that were read without bytes of the
 * other between.
 *
 * As text, which is how it travels and is kept: parts separated by spaces, "o" or "e" for the stream, the number of
 * bytes, and "+MS" where that many milliseconds went by since the part before: "o120 e33+1500 o7". "@N" before the
 * number says that the part begins at byte N of its stream and not behind the last one of it: "o@900:20".
 */

/* Parts that are kept, of the begin and of the end; what is between has no order. */
#define OUTPUT_ORDER_PARTS_MAX 2048U

typedef struct OutputPart {
        bool err;
        uint64_t offset; /* in its stream, all that was written counted */
        uint64_t size;
        uint64_t time_usec; /* when it was read, since the begin */
} OutputPart;

typedef struct OutputOrder {
        OutputPart *head;
        size_t n_head;
        OutputPart *tail; /* a ring */
        size_t n_tail, next_tail;
        uint64_t total[2]; /* bytes so far, of stdout and stderr */
} OutputOrder;

void output_order_done(OutputOrder *order);

/* That bytes were read; time since the test's start. */
int output_order_add(OutputOrder *order, bool err, uint64_t size, uint64_t time_usec);

/* *ret is NULL if there is nothing to tell: one stream only, and all of it at once. */
int output_order_format(const OutputOrder *order, char **ret);

/* The parts of a text. -EBADMSG: it is none */
int output_order_parse(const char *text, OutputPart **ret, size_t *ret_n);

/*
 * The lines of both streams, in the order in which they were completed; called with each of them without its newline.
 * Lines of which a part was not kept, or without an order, are told too. -EBADMSG: the order of the result is not one
 */
typedef struct OutputLine {
        bool err;
        bool gap; /* not a line: bytes of this stream were not kept here, as many as size says */
        const char *data;
        size_t size;
        uint64_t time_usec;
} OutputLine;

typedef int (*OutputLineHandler)(const OutputLine *line, void *userdata);

int output_order_for_each_line(const Result *result, OutputLineHandler handler, void *userdata);
