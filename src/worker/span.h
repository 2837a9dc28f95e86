/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A piece of a line that somebody else holds, not NUL-terminated
 */

typedef struct Span {
        const char *data;
        size_t size;
} Span;

static inline bool char_is_space(char c) {
        return c == ' ' || c == '\t';
}

static inline void span_skip(Span *span, size_t n) {
        span->data += n;
        span->size -= n;
}

/* How much of blanks and tabs there was at the beginning. */
size_t span_skip_space(Span *span);
/* At both ends */
void span_strip(Span *span);

bool span_starts_with(const Span *span, const char *prefix);
bool span_starts_with_nocase(const Span *span, const char *prefix);

/* Decimal digits at the beginning, and how many; UINT64_MAX for a number that does not fit. */
size_t span_read_number(const Span *span, uint64_t *ret);
