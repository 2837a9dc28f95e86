/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/capture.h"

#include <errno.h>
#include <string.h>

#include "basic/text.h"

void capture_init(Capture *capture, uint64_t max) {
        *capture = (Capture){ .max = MIN(max, CAPTURE_MAX) };
}

void capture_done(Capture *capture) {
        free(capture->head);
        free(capture->tail);
        *capture = (Capture){};
}

static size_t capture_head_max(const Capture *capture) {
        return (size_t)(capture->max / 2);
}

static size_t capture_tail_max(const Capture *capture) {
        return (size_t)(capture->max - capture->max / 2);
}

static int capture_add_head(Capture *capture, const char *data, size_t size) {
        if (capture->head_size + size > capture->head_allocated) {
                size_t allocated = MAX(2 * (capture->head_size + size), (size_t)512);
                char *head = NULL;

                allocated = MIN(allocated, capture_head_max(capture));
                head = realloc(capture->head, allocated);
                if (!head)
                        return -ENOMEM;
                capture->head = head;
                capture->head_allocated = allocated;
        }
        memcpy(capture->head + capture->head_size, data, size);
        capture->head_size += size;
        return 0;
}

static int capture_add_tail(Capture *capture, const char *data, size_t size) {
        size_t max = capture_tail_max(capture);

        if (max == 0)
                return 0;
        if (!capture->tail) {
                /* The kernel gives pages only as they are written. */
                capture->tail = malloc(max);
                if (!capture->tail)
                        return -ENOMEM;
        }
        if (size > max) {
                data += size - max;
                size = max;
        }
        while (size > 0) {
                size_t n = MIN(size, max - capture->tail_next);

                memcpy(capture->tail + capture->tail_next, data, n);
                capture->tail_next = (capture->tail_next + n) % max;
                capture->tail_size = MIN(capture->tail_size + n, max);
                data += n;
                size -= n;
        }
        return 0;
}

int capture_add(Capture *capture, const char *data, size_t size) {
        size_t n = MIN(size, capture_head_max(capture) - capture->head_size);

        if (n > 0) {
                int r = capture_add_head(capture, data, n);

                if (r < 0)
                        return r;
        }
        if (size > n) {
                int r = capture_add_tail(capture, data + n, size - n);

                if (r < 0)
                        return r;
        }
        capture->total += size;
        return 0;
}

int capture_take(Capture *capture, ResultOutput *ret) {
        size_t size = capture->head_size + capture->tail_size, max = capture_tail_max(capture);
        size_t first = capture->tail_size < max ? 0 : capture->tail_next;
        char *data = NULL;

        if (size > 0) {
                data = realloc(capture->head, size);
                if (!data)
                        return -ENOMEM;
                capture->head = NULL;
        }
        if (capture->tail_size > 0) {
                size_t n = capture->tail_size - first;

                memcpy(data + capture->head_size, capture->tail + first, n);
                memcpy(data + capture->head_size + n, capture->tail, first);
        }
        *ret = (ResultOutput){ .data = data, .size = size, .total = capture->total };
        capture_done(capture);
        return 0;
}

int capture_find_last_line(const ResultOutput *output, size_t max, char **ret) {
        size_t end = output->size, start;
        char *line = NULL;

        while (end > 0 && strchr(" \t\r\n", output->data[end - 1]))
                end--;
        start = end;
        while (start > 0 && output->data[start - 1] != '\n')
                start--;
        while (start < end && strchr(" \t\r", output->data[start]))
                start++;

        if (end > start && end - start <= max) {
                line = text_escape(output->data + start, end - start);
                if (!line)
                        return -ENOMEM;
        }
        *ret = line;
        return 0;
}
