/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each lane is a row of columns. A column shows the worst outcome of what ran in it and the largest peak of memory.
 * A test that is several columns wide is set apart from the one before it, so that it can be seen as one.
 */

#include "report/html-lanes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "report/html-card.h"
#include "report/html-text.h"

#define LANES_COLUMNS   1000U
/* The memory of a column, as a part of the largest */
#define LANES_HEIGHT    24U
/* So wide is a test that gets a gap before it. */
#define LANES_WIDE      4U
/* Beyond, lanes are lower; and beyond, they are folded. */
#define LANES_TALL_MAX  16U
#define LANES_SHOWN_MAX 64U

typedef struct Cell {
        uint8_t rank; /* of the outcome, + 1; 0: nothing ran */
        bool begin;   /* a wide test begins here */
        uint64_t memory;
} Cell;

/* The worst comes last. */
static const Outcome ranks[] = {
        PTEST_OUTCOME_NOT_RUN, PTEST_OUTCOME_SKIP, PTEST_OUTCOME_PASS,    PTEST_OUTCOME_XFAIL,
        PTEST_OUTCOME_XPASS,   PTEST_OUTCOME_FAIL, PTEST_OUTCOME_ERROR,   PTEST_OUTCOME_OOM,
        PTEST_OUTCOME_CRASH,   PTEST_OUTCOME_LOST, PTEST_OUTCOME_TIMEOUT,
};

static uint8_t outcome_to_rank(int32_t outcome) {
        for (uint8_t i = 0; i < ELEMENTSOF(ranks); i++)
                if ((int32_t)ranks[i] == outcome)
                        return i + 1;
        return 0;
}

static size_t time_to_column(const HtmlTimeline *timeline, uint64_t at) {
        at = MIN(at, timeline->length);
        return MIN((size_t)(at * LANES_COLUMNS / timeline->length), (size_t)LANES_COLUMNS - 1);
}

static void cells_add(Cell *lane, const HtmlTimeline *timeline, const HtmlSpan *span) {
        size_t begin = time_to_column(timeline, span->begin);
        size_t end = time_to_column(timeline, span->end);
        uint8_t rank = outcome_to_rank(span->outcome);

        for (size_t i = begin; i <= end; i++) {
                lane[i].rank = MAX(lane[i].rank, rank);
                if (span->memory != SIZE_UNKNOWN)
                        lane[i].memory = MAX(lane[i].memory, span->memory);
        }
        if (end - begin >= LANES_WIDE)
                lane[begin].begin = true;
}

static int cells_read(Cell *cells, HtmlTimeline *timeline) {
        for (size_t i = 0; i < timeline->n_spans; i++) {
                HtmlSpan span;
                int r = html_spool_read(&timeline->spans, i * sizeof(span), &span, sizeof(span));

                if (r < 0)
                        return r;
                cells_add(cells + (size_t)(span.slot - 1) * LANES_COLUMNS, timeline, &span);
        }
        return 0;
}

/* All columns of one outcome as one path */
static void add_outcome_path(Buffer *html, const Cell *lane, uint8_t rank) {
        bool any = false;

        for (size_t i = 0; i < LANES_COLUMNS;) {
                size_t begin = i;

                if (lane[i++].rank != rank)
                        continue;
                while (i < LANES_COLUMNS && lane[i].rank == rank && !lane[i].begin)
                        i++;
                if (!any)
                        buffer_addf(html,
                                    "<path class=\"%s\" d=\"",
                                    outcome_to_class(ranks[rank - 1]));
                any = true;
                buffer_addf(html,
                            "M%zu%s 0h%zu%sv1H%zu%sz",
                            begin,
                            lane[begin].begin ? ".6" : "",
                            i - begin - (lane[begin].begin ? 1 : 0),
                            lane[begin].begin ? ".4" : "",
                            begin,
                            lane[begin].begin ? ".6" : "");
        }
        if (any)
                buffer_add_string(html, "\"/>");
}

static unsigned memory_to_height(uint64_t memory, uint64_t max) {
        if (memory == 0 || max == 0)
                return 0;
        /* What is there can be seen. */
        return MAX(1U, (unsigned)((unsigned __int128)memory * LANES_HEIGHT / max));
}

static void add_memory_path(Buffer *html, const uint64_t *memory, size_t stride, uint64_t max) {
        unsigned height = 0;

        buffer_addf(html, "<path d=\"M0 %u", LANES_HEIGHT);
        for (size_t i = 0; i < LANES_COLUMNS; i++) {
                uint64_t value = *(const uint64_t *)((const char *)memory + i * stride);
                unsigned now = memory_to_height(value, max);

                if (now != height)
                        buffer_addf(html, "H%zuV%u", i, LANES_HEIGHT - now);
                height = now;
        }
        buffer_addf(html, "H%uV%uz\"/>", LANES_COLUMNS, LANES_HEIGHT);
}

static void add_percent(Buffer *html, const HtmlTimeline *timeline, uint64_t at) {
        uint64_t n = MIN(at, timeline->length) * 10000 / timeline->length;

        buffer_addf(html, "%" PRIu64 ".%02" PRIu64 "%%", n / 100, n % 100);
}

/* From the start of a worker to its end */
static void add_life(Buffer *html, const HtmlTimeline *timeline, const HtmlWorker *worker) {
        uint64_t end = MIN(worker->end, timeline->length);

        buffer_add_string(html, "<rect class=\"life\" x=\"");
        add_percent(html, timeline, worker->begin);
        buffer_add_string(html, "\" width=\"");
        add_percent(html, timeline, end > worker->begin ? end - worker->begin : 0);
        buffer_addf(html,
                    "\" height=\"100%%\"><title>Worker %u, generation %u</title></rect>",
                    worker->slot,
                    worker->generation);
}

/* Where something happened to a worker that is more than that the run was over. */
static void add_mark(Buffer *html, const HtmlTimeline *timeline, const HtmlWorker *worker) {
        const char *class = worker->stuck ? "stuck" : worker->lost ? "lost" : "start";
        bool bad = worker->stuck || worker->lost;
        uint64_t at = bad ? worker->end : worker->begin;

        if (!bad && worker->generation <= 1)
                return;
        buffer_addf(html, "<line class=\"%s\" x1=\"", class);
        add_percent(html, timeline, at);
        buffer_add_string(html, "\" x2=\"");
        add_percent(html, timeline, at);
        buffer_addf(html,
                    "\" y1=\"0\" y2=\"100%%\"><title>Worker %u, generation %u",
                    worker->slot,
                    worker->generation);
        if (bad) {
                buffer_addf(html, " was %s: ", class);
                html_add_string(html,
                                worker->stuck ? worker->stuck_why ?: worker->why : worker->why);
        } else {
                buffer_add_string(html, " started as a replacement");
        }
        buffer_add_string(html, "</title></line>");
}

static void add_lane(Buffer *html, const HtmlTimeline *timeline, const Cell *lane, unsigned slot) {
        buffer_addf(html,
                    "<div class=\"lane\" data-slot=\"%u\"><span class=\"name\">w%u</span>"
                    "<svg class=\"ran\" role=\"img\" aria-label=\"What ran on worker %u\">",
                    slot,
                    slot,
                    slot);
        for (size_t i = 0; i < timeline->n_workers; i++)
                if (timeline->workers[i].slot == slot)
                        add_life(html, timeline, &timeline->workers[i]);
        buffer_addf(html,
                    "<svg viewBox=\"0 0 %u 1\" preserveAspectRatio=\"none\" width=\"100%%\" height=\"100%%\">",
                    LANES_COLUMNS);
        for (uint8_t rank = 1; rank <= ELEMENTSOF(ranks); rank++)
                add_outcome_path(html, lane, rank);
        buffer_add_string(html, "</svg>");
        for (size_t i = 0; i < timeline->n_workers; i++)
                if (timeline->workers[i].slot == slot)
                        add_mark(html, timeline, &timeline->workers[i]);
        buffer_add_string(html, "</svg>");
        if (timeline->memory_max > 0) {
                buffer_addf(html,
                            "<svg class=\"memory\" aria-hidden=\"true\" viewBox=\"0 0 %u %u\" "
                            "preserveAspectRatio=\"none\">",
                            LANES_COLUMNS,
                            LANES_HEIGHT);
                add_memory_path(html, &lane->memory, sizeof(Cell), timeline->memory_max);
                buffer_add_string(html, "</svg>");
        }
        buffer_add_string(html, "</div>\n");
}

/* What all lanes had together: not more was needed at any time. */
static int add_total(Buffer *html, const HtmlTimeline *timeline, const Cell *cells) {
        _cleanup_free_ uint64_t *total = calloc(LANES_COLUMNS, sizeof(uint64_t));
        uint64_t max = 0;

        if (!total)
                return -ENOMEM;
        for (size_t i = 0; i < LANES_COLUMNS; i++) {
                for (size_t slot = 0; slot < timeline->n_slots; slot++)
                        total[i] = usec_add(total[i], cells[slot * LANES_COLUMNS + i].memory);
                max = MAX(max, total[i]);
        }
        if (max == 0)
                return 0;
        buffer_add_string(
                        html,
                        "<div class=\"lane total\"><span class=\"name\">all</span><svg class=\"memory\" role=\"img\" aria-label=\"Memory of all workers together, at most ");
        html_add_size(html, max);
        buffer_addf(html,
                    "\" viewBox=\"0 0 %u %u\" preserveAspectRatio=\"none\">",
                    LANES_COLUMNS,
                    LANES_HEIGHT);
        add_memory_path(html, total, sizeof(uint64_t), max);
        buffer_add_string(html, "</svg><span class=\"peak\">at most ");
        html_add_size(html, max);
        buffer_add_string(html, " at a time</span></div>\n");
        return 0;
}

/* ---- The axis ---- */

/* A round time of which there are four to ten in the run. */
static uint64_t find_tick(uint64_t length) {
        static const uint64_t steps[] = { 1,   2,   5,    10,   15,   30,    60,    120,   300,
                                          600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400 };
        /* Above 1 ms no fractions of it are written. */
        uint64_t tick = length < USEC_PER_MSEC ? 1 : USEC_PER_MSEC;

        if (length < 4 * USEC_PER_SEC) {
                /* 1, 2, 5, 10, 20, 50, … µs */
                for (unsigned i = 0; length / tick > 8; i++)
                        tick = i % 3 == 1 ? tick / 2 * 5 : tick * 2;
                return tick;
        }
        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (length / (steps[i] * USEC_PER_SEC) <= 8)
                        return steps[i] * USEC_PER_SEC;
        return length / 4;
}

static void add_pause(Buffer *html, const HtmlTimeline *timeline, size_t i) {
        uint64_t at = html_timeline_get_time(
                        timeline, timeline->start_usec + timeline->pauses[i].begin);

        buffer_add_string(html, "<line class=\"pause\" y1=\"0\" y2=\"20\" x1=\"");
        add_percent(html, timeline, at);
        buffer_add_string(html, "\" x2=\"");
        add_percent(html, timeline, at);
        buffer_add_string(html, "\"><title>Paused for ");
        html_add_duration(html, timeline->pauses[i].length);
        buffer_add_string(html, "</title></line>");
}

static void add_axis(Buffer *html, const HtmlTimeline *timeline) {
        uint64_t tick = find_tick(timeline->length);

        buffer_add_string(
                        html,
                        "<div class=\"lane axis\" aria-hidden=\"true\"><span class=\"name\"></span><svg>");
        for (uint64_t at = 0; at <= timeline->length; at += tick) {
                bool last = at + tick > timeline->length && at > timeline->length / 100 * 95;

                buffer_add_string(html, "<line x1=\"");
                add_percent(html, timeline, at);
                buffer_add_string(html, "\" x2=\"");
                add_percent(html, timeline, at);
                buffer_addf(html,
                            "\" y1=\"0\" y2=\"4\"/><text y=\"16\"%s x=\"",
                            at == 0              ? "" :
                                            last ? " class=\"last\"" :
                                                   " class=\"mid\"");
                add_percent(html, timeline, at);
                buffer_add_string(html, "\">");
                html_add_duration(html, at);
                buffer_add_string(html, "</text>");
        }
        for (size_t i = 0; i < timeline->n_pauses; i++)
                add_pause(html, timeline, i);
        buffer_add_string(html, "</svg></div>\n");
}

int html_lanes_add(Buffer *html, HtmlTimeline *timeline) {
        _cleanup_free_ Cell *cells = calloc(
                        (size_t)timeline->n_slots * LANES_COLUMNS, sizeof(Cell));
        int r;

        if (!cells)
                return -ENOMEM;
        r = cells_read(cells, timeline);
        if (r < 0)
                return r;
        buffer_addf(html,
                    "<div class=\"lanes%s\" id=\"lanes\" data-length=\"%" PRIu64 "\">\n",
                    timeline->n_slots > LANES_TALL_MAX ? " dense" : "",
                    timeline->length);
        add_axis(html, timeline);
        for (unsigned slot = 1; slot <= timeline->n_slots; slot++) {
                if (slot == LANES_SHOWN_MAX + 1)
                        buffer_addf(html,
                                    "<details class=\"more\"><summary>%u more workers</summary>\n",
                                    timeline->n_slots - LANES_SHOWN_MAX);
                add_lane(html, timeline, cells + (size_t)(slot - 1) * LANES_COLUMNS, slot);
        }
        if (timeline->n_slots > LANES_SHOWN_MAX)
                buffer_add_string(html, "</details>\n");
        r = add_total(html, timeline, cells);
        buffer_add_string(
                        html,
                        "<p class=\"readout\" id=\"readout\" aria-hidden=\"true\"></p></div>\n");
        return r;
}
