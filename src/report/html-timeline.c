/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-timeline.h"

#include <errno.h>
#include <string.h>

#include "basic/strv.h"
#include "report/html-lanes.h"
#include "report/html-text.h"

/* A pool is never larger; what a broken record says beyond is not drawn. */
#define TIMELINE_SLOTS_MAX   1024U
#define TIMELINE_WORKERS_MAX 4000U
/* Longer than any run, and short enough to be multiplied. */
#define TIMELINE_LENGTH_MAX  (UINT64_C(1) << 48)
/* Of what a stuck worker was doing */
#define TIMELINE_REPORT_MAX  100U

int html_timeline_start(HtmlTimeline *timeline, const char *directory, const Event *event) {
        timeline->start_usec = event->time_usec;
        timeline->n_slots = MIN(event->run_started.workers, TIMELINE_SLOTS_MAX);
        timeline->latest = calloc(TIMELINE_SLOTS_MAX + 1, sizeof(size_t));
        timeline->workers = calloc(TIMELINE_WORKERS_MAX, sizeof(HtmlWorker));
        if (!timeline->latest || !timeline->workers)
                return -ENOMEM;
        return html_spool_open(&timeline->spans, directory);
}

void html_timeline_done(HtmlTimeline *timeline) {
        for (size_t i = 0; i < timeline->n_workers; i++) {
                HtmlWorker *worker = &timeline->workers[i];

                free(worker->unit);
                free(worker->why);
                free(worker->test);
                free(worker->stuck_why);
                free(worker->report);
        }
        free(timeline->workers);
        free(timeline->latest);
        html_spool_done(&timeline->spans);
}

uint64_t html_timeline_get_time(const HtmlTimeline *timeline, uint64_t usec) {
        uint64_t at = usec > timeline->start_usec ? usec - timeline->start_usec : 0, away = 0;

        for (size_t i = 0; i < timeline->n_pauses && at > timeline->pauses[i].begin; i++)
                away += MIN(timeline->pauses[i].length, at - timeline->pauses[i].begin);
        return at - MIN(away, at);
}

void html_timeline_add_pause(HtmlTimeline *timeline, const Event *event) {
        uint64_t at = event->time_usec > timeline->start_usec ?
                        event->time_usec - timeline->start_usec :
                        0;
        size_t n = timeline->n_pauses;

        if (event->kind == EVENT_RUN_PAUSED) {
                if (n < HTML_PAUSES_MAX && (n == 0 || timeline->pauses[n - 1].begin <= at))
                        timeline->pauses[timeline->n_pauses++].begin = at;
        } else if (n > 0 && timeline->pauses[n - 1].length == 0 &&
                   at > timeline->pauses[n - 1].begin) {
                timeline->pauses[n - 1].length = at - timeline->pauses[n - 1].begin;
        }
}

static void timeline_reach(HtmlTimeline *timeline, uint64_t at) {
        timeline->length = MAX(timeline->length, at);
}

static HtmlWorker *timeline_find_worker(
                HtmlTimeline *timeline, unsigned slot, unsigned generation) {
        size_t latest = slot <= TIMELINE_SLOTS_MAX ? timeline->latest[slot] : 0;
        HtmlWorker *worker = latest > 0 ? &timeline->workers[latest - 1] : NULL;

        return worker && worker->generation == generation ? worker : NULL;
}

int html_timeline_add_result(HtmlTimeline *timeline, const Result *result) {
        HtmlSpan span = {
                .begin = html_timeline_get_time(timeline, result->start_usec),
                .memory = result->memory_peak,
                .slot = result->slot,
                .outcome = result->outcome,
        };
        HtmlWorker *worker = timeline_find_worker(timeline, result->slot, result->generation);

        if (worker)
                worker->n_tests++;
        if (result->slot == 0 || result->slot > TIMELINE_SLOTS_MAX || result->start_usec == 0)
                return 0;
        /* One that was carried over from an earlier run did not run in this one. */
        if (usec_add(result->start_usec, result->duration_usec) < timeline->start_usec)
                return 0;
        span.end = usec_add(span.begin, result->duration_usec);
        timeline_reach(timeline, span.end);
        timeline->n_slots = MAX(timeline->n_slots, result->slot);
        if (result->memory_peak != SIZE_UNKNOWN)
                timeline->memory_max = MAX(timeline->memory_max, result->memory_peak);
        timeline->n_spans++;
        buffer_add(&timeline->spans.buffer, &span, sizeof(span));
        return html_spool_flush(&timeline->spans);
}

static int timeline_start_worker(HtmlTimeline *timeline, const EventWorker *event, uint64_t at) {
        HtmlWorker *worker;

        timeline->n_slots = MAX(timeline->n_slots, event->slot);
        if (timeline->n_workers == TIMELINE_WORKERS_MAX) {
                timeline->n_workers_left_out++;
                timeline->latest[event->slot] = 0;
                return 0;
        }
        worker = &timeline->workers[timeline->n_workers];
        worker->unit = event->unit ? strdup(event->unit) : NULL;
        if (event->unit && !worker->unit)
                return -ENOMEM;
        worker->slot = event->slot;
        worker->generation = event->generation;
        worker->pid = event->pid;
        worker->begin = at;
        worker->end = USEC_INFINITY;
        timeline->latest[event->slot] = ++timeline->n_workers;
        return 0;
}

static int copy_string(char **to, const char *from) {
        if (!from || *to)
                return 0;
        *to = strdup(from);
        return *to ? 0 : -ENOMEM;
}

static int worker_set_stuck(HtmlWorker *worker, const EventWorker *event) {
        _cleanup_strv_ char **lines = NULL;
        int r = copy_string(&worker->test, event->test);

        worker->stuck = true;
        if (r >= 0)
                r = copy_string(&worker->stuck_why, event->why);
        strv_for_each(line, event->stuck)
                if (r >= 0 && (size_t)(line - event->stuck) < TIMELINE_REPORT_MAX)
                        r = strv_extend(&lines, *line);
        if (r < 0 || !lines || worker->report)
                return r;
        worker->report = strv_join(lines, "\n");
        return worker->report ? 0 : -ENOMEM;
}

int html_timeline_add_worker(HtmlTimeline *timeline, const Event *event) {
        uint64_t at = html_timeline_get_time(timeline, event->time_usec);
        HtmlWorker *worker;

        if (event->worker.slot == 0 || event->worker.slot > TIMELINE_SLOTS_MAX)
                return 0;
        timeline_reach(timeline, at);
        if (event->kind == EVENT_WORKER_STARTED)
                return timeline_start_worker(timeline, &event->worker, at);
        timeline->n_stuck += event->kind == EVENT_WORKER_STUCK;
        timeline->n_lost += event->kind == EVENT_WORKER_LOST;
        worker = timeline_find_worker(timeline, event->worker.slot, event->worker.generation);
        if (!worker)
                return 0;
        if (event->kind == EVENT_WORKER_STUCK)
                return worker_set_stuck(worker, &event->worker);
        worker->end = at;
        worker->lost = event->kind == EVENT_WORKER_LOST;
        return copy_string(&worker->why, event->worker.why);
}

void html_timeline_set_length(HtmlTimeline *timeline, uint64_t duration_usec) {
        /* What is far behind its end was told by a clock that was set meanwhile. */
        uint64_t max = usec_add(duration_usec, duration_usec / 4 + USEC_PER_SEC);

        timeline->length = MIN(MAX(timeline->length, duration_usec), max);
        timeline->length = MIN(MAX(timeline->length, 1U), TIMELINE_LENGTH_MAX);
}

/* ---- The table of workers ---- */

static void add_worker_end(Buffer *html, const HtmlWorker *worker) {
        if (worker->stuck) {
                buffer_add_string(html, "<span class=\"badge o-timeout\">stuck</span> ");
                html_add_string(html, worker->stuck_why);
                if (worker->test) {
                        buffer_add_string(html, " at <b class=\"address\">");
                        html_add_string(html, worker->test);
                        buffer_add_string(html, "</b>");
                }
                buffer_add_string(html, worker->why ? "; " : "");
        }
        if (worker->lost)
                buffer_add_string(html, "<span class=\"badge o-lost\">lost</span> ");
        html_add_string(html, worker->why);
        if (worker->end == USEC_INFINITY && !worker->stuck)
                buffer_add_string(html, "no end was recorded");
        if (worker->report) {
                buffer_add_string(html, "<details><summary>What it was doing</summary><pre>\n");
                html_add_text(html, worker->report, strlen(worker->report));
                buffer_add_string(html, "</pre></details>");
        }
}

static void add_worker(Buffer *html, const HtmlWorker *worker) {
        buffer_addf(html,
                    "<tr><th scope=\"row\">%u<td class=\"n\">%u<td class=\"n\">",
                    worker->slot,
                    worker->generation);
        html_add_duration(html, worker->begin);
        buffer_add_string(html, "<td class=\"n\">");
        if (worker->end == USEC_INFINITY)
                buffer_add_string(html, "–");
        else
                html_add_duration(html, worker->end);
        buffer_add_string(html, "<td class=\"n\">");
        html_add_count(html, worker->n_tests);
        buffer_addf(html, "<td class=\"n\">%lld<td>", (long long)worker->pid);
        add_worker_end(html, worker);
        if (worker->unit) {
                buffer_add_string(html, "<br><small>");
                html_add_string(html, worker->unit);
                buffer_add_string(html, "</small>");
        }
        buffer_add_string(html, "\n");
}

static void add_workers(Buffer *html, const HtmlTimeline *timeline) {
        buffer_add_string(
                        html,
                        "<details class=\"more\"><summary>Every worker, as a table</summary>\n");
        buffer_add_string(
                        html,
                        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Workers\">"
                        "<table class=\"workers\"><thead><tr><th scope=\"col\">Place"
                        "<th scope=\"col\" class=\"n\">Generation<th scope=\"col\" class=\"n\">From"
                        "<th scope=\"col\" class=\"n\">Until<th scope=\"col\" class=\"n\">Ran"
                        "<th scope=\"col\" class=\"n\">Pid<th scope=\"col\">Its end<tbody>\n");
        for (size_t i = 0; i < timeline->n_workers; i++)
                add_worker(html, &timeline->workers[i]);
        buffer_add_string(html, "</table></div>\n");
        if (timeline->n_workers_left_out > 0) {
                buffer_add_string(html, "<p class=\"note\">");
                html_add_count(html, timeline->n_workers_left_out);
                buffer_add_string(html, " later workers are left out here.</p>\n");
        }
        buffer_add_string(html, "</details>\n");
}

static void add_sentence(Buffer *html, const HtmlTimeline *timeline) {
        size_t n = timeline->n_workers + timeline->n_workers_left_out;

        buffer_add_string(html, "<p class=\"lead\">");
        html_add_count(html, n);
        buffer_addf(html, n == 1 ? " worker in " : " workers in ");
        html_add_count(html, timeline->n_slots);
        buffer_add_string(html, timeline->n_slots == 1 ? " place" : " places");
        if (timeline->n_stuck > 0) {
                buffer_add_string(html, ", ");
                html_add_count(html, timeline->n_stuck);
                buffer_add_string(html, " stuck");
        }
        if (timeline->n_lost > 0) {
                buffer_add_string(html, ", ");
                html_add_count(html, timeline->n_lost);
                buffer_add_string(html, " lost");
        }
        if (timeline->memory_max > 0) {
                buffer_add_string(
                                html,
                                ". Below each: the memory of its tests, as if each had its peak "
                                "all the time; full height is ");
                html_add_size(html, timeline->memory_max);
                buffer_add_string(html, ".");
        } else {
                buffer_add_string(html, ". Memory was not measured.");
        }
        if (n > timeline->n_slots)
                buffer_add_string(
                                html,
                                " <small class=\"legend\"><span class=\"start\"></span>replacement"
                                "<span class=\"stuck\"></span>stuck"
                                "<span class=\"lost\"></span>lost</small>");
        buffer_add_string(html, "</p>\n");
}

int html_timeline_write(HtmlTimeline *timeline, Buffer *html) {
        int r;

        if (timeline->n_slots == 0 || timeline->n_workers + timeline->n_spans == 0) {
                buffer_add_string(html, "<p class=\"note\">No worker was started.</p>\n");
                return 0;
        }
        add_sentence(html, timeline);
        r = html_lanes_add(html, timeline);
        if (r >= 0 && timeline->n_workers > 0)
                add_workers(html, timeline);
        return r;
}
