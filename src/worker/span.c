/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/span.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

size_t span_skip_space(Span *span) {
        size_t n = 0;

        while (n < span->size && char_is_space(span->data[n]))
                n++;
        span_skip(span, n);
        return n;
}

void span_strip(Span *span) {
        span_skip_space(span);
        while (span->size > 0 && char_is_space(span->data[span->size - 1]))
                span->size--;
}

bool span_starts_with(const Span *span, const char *prefix) {
        size_t n = strlen(prefix);

        return span->size >= n && memcmp(span->data, prefix, n) == 0;
}

bool span_starts_with_nocase(const Span *span, const char *prefix) {
        size_t n = strlen(prefix);

        return span->size >= n && strncasecmp(span->data, prefix, n) == 0;
}

size_t span_read_number(const Span *span, uint64_t *ret) {
        uint64_t value = 0;
        size_t n = 0;

        for (; n < span->size && isdigit((unsigned char)span->data[n]); n++) {
                unsigned digit = (unsigned)(span->data[n] - '0');

                value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
        }
        if (n > 0)
                *ret = value;
        return n;
}
