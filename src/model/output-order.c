/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/output-order.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"

/* Bytes of one stream that come within this are one part: nobody can tell them apart, and floods take no room. */
#define PART_TIME_MAX (10 * USEC_PER_MSEC)

/* "e@", ":", "+" and three numbers */
#define PART_TEXT_MAX 72U

void output_order_done(OutputOrder *order) {
        free(order->head);
        free(order->tail);
        *order = (OutputOrder){};
}

/* ---- Noting ---- */

static OutputPart *order_get_last(const OutputOrder *order) {
        if (order->n_tail > 0)
                return &order
                                        ->tail[(order->next_tail + OUTPUT_ORDER_PARTS_MAX - 1) %
                                               OUTPUT_ORDER_PARTS_MAX];
        return order->n_head > 0 ? &order->head[order->n_head - 1] : NULL;
}

static int order_add_part(OutputOrder *order, const OutputPart *part) {
        if (order->n_head < OUTPUT_ORDER_PARTS_MAX) {
                int r = array_fit(order->head, order->n_head + 1);

                if (r < 0)
                        return r;
                order->head[order->n_head++] = *part;
                return 0;
        }
        if (!order->tail) {
                order->tail = calloc(OUTPUT_ORDER_PARTS_MAX, sizeof(OutputPart));
                if (!order->tail)
                        return -ENOMEM;
        }
        order->tail[order->next_tail] = *part;
        order->next_tail = (order->next_tail + 1) % OUTPUT_ORDER_PARTS_MAX;
        order->n_tail = MIN(order->n_tail + 1, (size_t)OUTPUT_ORDER_PARTS_MAX);
        return 0;
}

int output_order_add(OutputOrder *order, bool err, uint64_t size, uint64_t time_usec) {
        OutputPart *last = order_get_last(order);
        OutputPart part = {
                .err = err,
                .offset = order->total[err],
                .size = size,
                .time_usec = time_usec,
        };

        if (size == 0)
                return 0;
        order->total[err] += size;
        if (last && last->err == err && time_usec < usec_add(last->time_usec, PART_TIME_MAX)) {
                last->size += size;
                return 0;
        }
        return order_add_part(order, &part);
}

/* ---- As text ---- */

static const OutputPart *order_get_part(const OutputOrder *order, size_t i) {
        if (i < order->n_head)
                return &order->head[i];
        i -= order->n_head;
        if (order->n_tail == OUTPUT_ORDER_PARTS_MAX)
                i = (order->next_tail + i) % OUTPUT_ORDER_PARTS_MAX;
        return &order->tail[i];
}

int output_order_format(const OutputOrder *order, char **ret) {
        const size_t n = order->n_head + order->n_tail;
        uint64_t expected[2] = {}, time_msec = 0;
        char *text, *p;

        if (n < 2) {
                *ret = NULL;
                return 0;
        }
        text = p = malloc(n * PART_TEXT_MAX);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const OutputPart *part = order_get_part(order, i);
                const uint64_t msec = part->time_usec / USEC_PER_MSEC;
                size_t left = n * PART_TEXT_MAX - (size_t)(p - text);

                p += snprintf(p, left, "%s%c", i > 0 ? " " : "", part->err ? 'e' : 'o');
                if (part->offset != expected[part->err])
                        p += snprintf(p, left, "@%" PRIu64 ":", part->offset);
                p += snprintf(p, left, "%" PRIu64, part->size);
                if (msec > time_msec)
                        p += snprintf(p, left, "+%" PRIu64, msec - time_msec);
                time_msec = MAX(time_msec, msec);
                expected[part->err] = part->offset + part->size;
        }
        *ret = realloc(text, (size_t)(p - text) + 1) ?: text;
        return 0;
}

/* Digits; false if there are none or too many. */
static bool number_read(const char **p, uint64_t *ret) {
        uint64_t n = 0;

        if (**p < '0' || **p > '9')
                return false;
        for (; **p >= '0' && **p <= '9'; (*p)++)
                if (__builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
                        return false;
        *ret = n;
        return true;
}

static bool part_read(const char **p, const uint64_t *expected, uint64_t msec, OutputPart *ret) {
        OutputPart part = {};
        uint64_t later = 0, end;

        if (**p != 'o' && **p != 'e')
                return false;
        part.err = *(*p)++ == 'e';
        part.offset = expected[part.err];
        if (**p == '@') {
                (*p)++;
                /* Never back: a byte is shown once. */
                if (!number_read(p, &part.offset) || part.offset < expected[part.err] ||
                    *(*p)++ != ':')
                        return false;
        }
        if (!number_read(p, &part.size))
                return false;
        if (**p == '+') {
                (*p)++;
                if (!number_read(p, &later))
                        return false;
        }
        if (__builtin_add_overflow(part.offset, part.size, &end) ||
            __builtin_add_overflow(msec, later, &later) ||
            __builtin_mul_overflow(later, USEC_PER_MSEC, &part.time_usec))
                return false;
        *ret = part;
        return true;
}

int output_order_parse(const char *text, OutputPart **ret, size_t *ret_n) {
        _cleanup_free_ OutputPart *parts = NULL;
        uint64_t expected[2] = {}, msec = 0;
        size_t n = 0, n_spaces = 0;

        for (const char *p = text; *p; p++)
                n_spaces += *p == ' ';
        if (n_spaces >= 2 * (size_t)OUTPUT_ORDER_PARTS_MAX)
                return -EBADMSG;
        parts = calloc(n_spaces + 1, sizeof(OutputPart));
        if (!parts)
                return -ENOMEM;
        for (const char *p = text;; p++) {
                OutputPart *part = &parts[n++];

                if (!part_read(&p, expected, msec, part))
                        return -EBADMSG;
                expected[part->err] = part->offset + part->size;
                msec = part->time_usec / USEC_PER_MSEC;
                if (*p == '\0')
                        break;
                if (*p != ' ')
                        return -EBADMSG;
        }
        *ret = TAKE_PTR(parts);
        *ret_n = n;
        return 0;
}

/* ---- Lines ---- */

/* One stream while its lines are told. Offsets are those of all that was written. */
typedef struct Stream {
        const ResultOutput *output;
        bool err;
        uint64_t head_end, tail_begin; /* what is between was not kept */
        uint64_t told;                 /* where the next line begins */
        uint64_t reached;              /* how far its parts have come */
} Stream;

typedef struct LineTeller {
        OutputLineHandler handler;
        void *userdata;
        uint64_t time_usec;
} LineTeller;

static Stream stream_new(const ResultOutput *output, bool err) {
        const uint64_t total = MAX(output->total, (uint64_t)output->size);
        const uint64_t head = result_output_get_head(output);

        return (Stream){
                .output = output,
                .err = err,
                .head_end = head,
                .tail_begin = total - (output->size - head),
        };
}

static const char *stream_get_data(const Stream *stream, uint64_t offset) {
        if (offset >= stream->tail_begin)
                offset -= stream->tail_begin - stream->head_end;
        return stream->output->data + offset;
}

static int stream_tell(Stream *stream, LineTeller *teller, uint64_t end, bool gap) {
        const OutputLine line = {
                .err = stream->err,
                .gap = gap,
                .data = gap ? NULL : stream_get_data(stream, stream->told),
                .size = (size_t)(end - stream->told),
                .time_usec = teller->time_usec,
        };

        stream->told = end;
        return teller->handler(&line, teller->userdata);
}

/* The lines that end in what is kept up to there; all of it if what is kept ends there. */
static int stream_tell_lines(Stream *stream, LineTeller *teller, uint64_t end, bool is_end) {
        while (stream->told < end) {
                const char *data = stream_get_data(stream, stream->told);
                const char *newline = memchr(data, '\n', (size_t)(end - stream->told));
                int r;

                if (!newline && !is_end)
                        return 0;
                r = stream_tell(stream,
                                teller,
                                newline ? stream->told + (uint64_t)(newline - data) : end,
                                false);
                if (r < 0)
                        return r;
                if (newline)
                        stream->told++;
        }
        return 0;
}

static int stream_reach(Stream *stream, LineTeller *teller, uint64_t offset) {
        const uint64_t total = stream->tail_begin + (stream->output->size - stream->head_end);
        int r;

        offset = MIN(offset, total);
        if (offset < stream->reached)
                return 0;
        stream->reached = offset;
        if (stream->told < stream->head_end || stream->head_end == stream->tail_begin) {
                const bool is_all = stream->head_end == stream->tail_begin;
                const uint64_t kept = is_all ? total : stream->head_end;

                r = stream_tell_lines(
                                stream,
                                teller,
                                MIN(offset, kept),
                                offset >= kept && (!is_all || offset == total));
                if (r < 0 || is_all)
                        return r;
        }
        if (stream->told < stream->tail_begin && offset > stream->head_end) {
                r = stream_tell(stream, teller, stream->tail_begin, true);
                if (r < 0)
                        return r;
        }
        if (offset <= stream->tail_begin)
                return 0;
        return stream_tell_lines(stream, teller, offset, offset == total);
}

int output_order_for_each_line(const Result *result, OutputLineHandler handler, void *userdata) {
        Stream streams[2] = { stream_new(&result->out, false), stream_new(&result->err, true) };
        LineTeller teller = { .handler = handler, .userdata = userdata };
        _cleanup_free_ OutputPart *parts = NULL;
        size_t n = 0;
        int r = 0;

        if (result->order)
                r = output_order_parse(result->order, &parts, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                teller.time_usec = parts[i].time_usec;
                r = stream_reach(&streams[parts[i].err], &teller, parts[i].offset + parts[i].size);
        }
        for (size_t i = 0; i < 2 && r >= 0; i++)
                r = stream_reach(&streams[i], &teller, UINT64_MAX);
        return r;
}
