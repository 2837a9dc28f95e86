/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "ptest/protocol.h"

/*
 * Capture: what is kept of one output stream
 *
 * The first and the last bytes are kept, each up to half of the limit; those between are only counted. So
 * memory is bounded by the limit, however much a test prints, and a small output takes little of it.
 */

typedef struct Capture {
        uint64_t max;   /* bytes to keep */
        uint64_t total; /* bytes that came */
        char *head;
        size_t head_size;
        size_t head_allocated;
        char *tail; /* a ring; allocated when the head is full */
        size_t tail_size;
        size_t tail_next; /* where the next byte goes */
} Capture;

/* Above this a limit is lowered: two streams must fit into one spilled message. */
#define CAPTURE_MAX PTEST_OUTPUT_MAX_LARGEST

void capture_init(Capture *capture, uint64_t max);
void capture_done(Capture *capture);

int capture_add(Capture *capture, const char *data, size_t size);

/*
 * Head and tail in one piece; the capture is then empty. If total is more than size, the gap is behind the
 * first size / 2 bytes.
 */
int capture_take(Capture *capture, ResultOutput *ret);

/* The last line that is not empty, made safe to show; *ret is NULL if there is none or it is longer than max. */
int capture_find_last_line(const ResultOutput *output, size_t max, char **ret);
