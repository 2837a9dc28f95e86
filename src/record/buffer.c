/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"

#define BUFFER_SIZE_MIN 1024U

void buffer_done(Buffer *buffer) {
        free(buffer->data);
        *buffer = (Buffer){};
}

void buffer_reset(Buffer *buffer, size_t keep) {
        if (buffer->allocated > keep)
                buffer_done(buffer);
        buffer->size = 0;
        buffer->error = 0;
}

/* Makes room for n more bytes and a NUL. */
static bool buffer_reserve(Buffer *buffer, size_t n) {
        size_t need;

        if (buffer->error < 0)
                return false;
        if (__builtin_add_overflow(buffer->size, n, &need) || need > SIZE_MAX / 4) {
                buffer->error = -ENOMEM;
                return false;
        }
        buffer->error = array_reserve(
                        buffer->data, buffer->allocated, MAX(need + 1, BUFFER_SIZE_MIN));
        return buffer->error >= 0;
}

void buffer_add(Buffer *buffer, const void *data, size_t size) {
        if (size == 0 || !buffer_reserve(buffer, size))
                return;
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
}

void buffer_add_string(Buffer *buffer, const char *s) {
        buffer_add(buffer, s, strlen(s));
}

void buffer_fill(Buffer *buffer, char c, size_t n) {
        if (n == 0 || !buffer_reserve(buffer, n))
                return;
        memset(buffer->data + buffer->size, c, n);
        buffer->size += n;
}

void buffer_addf(Buffer *buffer, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0)
                buffer->error = -ENOMEM;
        if (n <= 0 || !buffer_reserve(buffer, (size_t)n))
                return;

        va_start(ap, format);
        vsnprintf(buffer->data + buffer->size, (size_t)n + 1, format, ap);
        va_end(ap);
        buffer->size += (size_t)n;
}

char *buffer_take_string(Buffer *buffer) {
        char *s;

        if (!buffer_reserve(buffer, 1))
                return NULL;
        s = TAKE_PTR(buffer->data);
        s[buffer->size] = '\0';
        buffer_done(buffer);
        return s;
}
