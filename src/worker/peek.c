/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/peek.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "worker/module-internal.h"
#include "worker/module-memory.h"
#include "worker/run-internal.h"

/* A stream of which the first and the last bytes are kept. */
typedef struct PeekSource {
        uint64_t total, head, tail;
        const Capture *capture; /* NULL: it is in the file */
        int fd;
        uint64_t start;
} PeekSource;

/* ---- Copying ---- */

static void capture_copy(const Capture *capture, uint64_t at, char *ret, size_t size) {
        const size_t tail_max = (size_t)(capture->max - capture->max / 2);
        const size_t first = capture->tail_size < tail_max ? 0 : capture->tail_next;

        for (size_t i = 0; i < size; i++, at++) {
                const size_t behind = (size_t)(at - (capture->total - capture->tail_size));

                ret[i] = at < capture->head_size ? capture->head[at] :
                                                   capture->tail[(first + behind) % tail_max];
        }
}

/* How many there were: a test may cut the file off. */
static size_t source_copy(const PeekSource *source, uint64_t at, char *ret, size_t size) {
        size_t done = 0;

        if (source->capture) {
                capture_copy(source->capture, at, ret, size);
                return size;
        }
        while (done < size) {
                ssize_t n = pread(
                                source->fd,
                                ret + done,
                                size - done,
                                (off_t)(source->start + at + done));

                if (n <= 0)
                        break;
                done += (size_t)n;
        }
        return done;
}

/* ---- Choosing ---- */

static int source_peek(const PeekSource *source, PeekStream *stream) {
        const uint64_t total = source->total, from = MIN(stream->from, total);
        /* From here on all is kept. */
        const uint64_t kept = source->head + source->tail >= total ? 0 : total - source->tail;
        _cleanup_free_ char *data = NULL;
        uint64_t behind;
        size_t head, tail;

        *stream = (PeekStream){ .from = from, .total = total };
        if (from == total)
                return 0;
        if (from >= kept && total - from <= PTEST_PEEK_SIZE_MAX)
                head = (size_t)(total - from);
        else if (from < source->head)
                head = (size_t)MIN(source->head - from, (uint64_t)PTEST_PEEK_SIZE_MAX / 2);
        else
                head = 0;
        behind = MAX(from + head, kept);
        tail = (size_t)MIN(total - behind, (uint64_t)(PTEST_PEEK_SIZE_MAX - head));

        data = malloc(head + tail + 1);
        if (!data)
                return -ENOMEM;
        stream->head = source_copy(source, from, data, head);
        stream->size = stream->head;
        if (stream->head == head)
                stream->size += source_copy(source, total - tail, data + head, tail);
        stream->data = TAKE_PTR(data);
        return 0;
}

int peek_capture(const Capture *capture, PeekStream *stream) {
        return source_peek(
                        &(PeekSource){ .total = capture->total,
                                       .head = capture->head_size,
                                       .tail = capture->tail_size,
                                       .capture = capture },
                        stream);
}

int peek_memory(int fd, uint64_t start, uint64_t max, PeekStream *stream) {
        const uint64_t end = module_memory_get_size(fd);
        PeekSource source = { .total = end > start ? end - start : 0, .fd = fd, .start = start };

        max = MIN(max, (uint64_t)CAPTURE_MAX);
        source.head = source.total > max ? max / 2 : source.total;
        source.tail = MIN(source.total - source.head, max - max / 2);
        return source_peek(&source, stream);
}

/* ---- Of what ---- */

int run_peek(const Run *run, PeekStream *out, PeekStream *err) {
        int r = peek_capture(&run->output.out, out);

        return r < 0 ? r : peek_capture(&run->output.err, err);
}

int module_host_peek(const ModuleHost *host, uint64_t id, PeekStream *out, PeekStream *err) {
        const ModuleCurrent *current = &host->memory.area->current;
        const uint64_t max = host->options.output_max;
        int r;

        if (atomic_load(&current->id) != id || atomic_load(&current->phase) == MODULE_PHASE_IDLE)
                return 0;
        r = peek_memory(host->memory.out_fd, atomic_load(&current->out_start), max, out);
        if (r >= 0)
                r = peek_memory(host->memory.err_fd, atomic_load(&current->err_start), max, err);
        return r < 0 ? r : 1;
}
