/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bytes that grow at their end, with a sticky error
 *
 * The adding functions return nothing: who uses the bytes asks buffer_error() once before.
 */

#include "basic/macros.h"

typedef struct Buffer {
        char *data; /* not NUL-terminated */
        size_t size;
        size_t allocated;
        int error; /* 0 or -ENOMEM; nothing is added after it */
} Buffer;

void buffer_done(Buffer *buffer);

#define _cleanup_buffer_ _cleanup_(buffer_done)

/* Empties it, and forgets the error. Memory beyond keep bytes is given back. */
void buffer_reset(Buffer *buffer, size_t keep);

void buffer_add(Buffer *buffer, const void *data, size_t size);
void buffer_add_string(Buffer *buffer, const char *s);
void buffer_addf(Buffer *buffer, const char *format, ...) _printf_(2, 3);
/* n times the same byte */
void buffer_fill(Buffer *buffer, char c, size_t n);

static inline int buffer_error(const Buffer *buffer) {
        return buffer->error;
}

/* The bytes as a string, which leaves the buffer; NULL on ENOMEM, also an earlier one. */
char *buffer_take_string(Buffer *buffer);
