/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines: a line that arrives whole is told from where it lies; only one that is cut by the end of a read is
 * copied.
 */

#include "worker/lines.h"

#include <errno.h>
#include <string.h>

void lines_done(Lines *lines) {
        free(lines->pending);
        *lines = (Lines){};
}

static int lines_keep(Lines *lines, const char *data, size_t size) {
        size = MIN(size, LINES_MAX - lines->size);
        if (size == 0)
                return 0;

        if (lines->size + size > lines->allocated) {
                size_t allocated = MIN(MAX(2 * (lines->size + size), (size_t)256), LINES_MAX);
                char *pending = realloc(lines->pending, allocated);

                if (!pending)
                        return -ENOMEM;
                lines->pending = pending;
                lines->allocated = allocated;
        }

        memcpy(lines->pending + lines->size, data, size);
        lines->size += size;
        return 0;
}

static int lines_tell(const char *line, size_t size, LinesHandler handler, void *userdata) {
        size = MIN(size, LINES_MAX);
        if (size > 0 && line[size - 1] == '\r')
                size--;
        return handler(line, size, userdata);
}

int lines_feed(Lines *lines, const char *data, size_t size, LinesHandler handler, void *userdata) {
        while (size > 0) {
                const char *end = memchr(data, '\n', size);
                size_t length = end ? (size_t)(end - data) : size;
                int r;

                if (!end)
                        return lines_keep(lines, data, size);

                if (lines->size > 0) {
                        r = lines_keep(lines, data, length);
                        if (r < 0)
                                return r;
                        r = lines_tell(lines->pending, lines->size, handler, userdata);
                        lines->size = 0;
                } else
                        r = lines_tell(data, length, handler, userdata);
                if (r < 0)
                        return r;

                data += length + 1;
                size -= length + 1;
        }
        return 0;
}

int lines_finish(Lines *lines, LinesHandler handler, void *userdata) {
        size_t size = lines->size;

        lines->size = 0;
        return size > 0 ? lines_tell(lines->pending, size, handler, userdata) : 0;
}
