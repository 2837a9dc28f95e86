/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"
#include "report/html-spool.h"

/*
 * What ran where and when: a lane for each worker's place, with the workers that it had and the memory of its tests
 *
 * Tests are kept in a spool and drawn at the end, when it is known how long the run was: to columns, so that the
 * size of the picture depends on the number of places and not on that of tests.
 */

/* One worker, from its start to its end. */
typedef struct HtmlWorker {
        unsigned slot, generation;
        pid_t pid;
        char *unit;          /* may be NULL */
        uint64_t begin, end; /* since the begin of the run; end USEC_INFINITY: its end is not known */
        char *why;           /* of its end; may be NULL */
        bool stuck, lost;
        char *test; /* at which it was stuck; may be NULL */
        char *stuck_why;
        char *report; /* what it was doing then: lines; may be NULL */
        size_t n_tests;
} HtmlWorker;

#define HTML_PAUSES_MAX 100U

typedef struct HtmlTimeline {
        uint64_t start_usec; /* of the run, CLOCK_REALTIME */
        uint64_t length;     /* to the last that is known */
        unsigned n_slots;
        uint64_t memory_max; /* of a test */
        HtmlSpool spans;
        size_t n_spans;
        HtmlWorker *workers;
        size_t n_workers, n_workers_left_out;
        size_t *latest; /* by slot: index + 1 of its last worker; 0: none */
        size_t n_stuck, n_lost;
        /* While the run was paused no time went by in it, so that there is none in the picture. */
        struct {
                uint64_t begin, length; /* by the clock, since the begin of the run */
        } pauses[HTML_PAUSES_MAX];
        size_t n_pauses;
} HtmlTimeline;

int html_timeline_start(HtmlTimeline *timeline, const char *directory, const Event *event);
void html_timeline_done(HtmlTimeline *timeline);

/* How long the run had gone on at that time, pauses left out. */
uint64_t html_timeline_get_time(const HtmlTimeline *timeline, uint64_t usec);

/* Run paused, run continued */
void html_timeline_add_pause(HtmlTimeline *timeline, const Event *event);
/* Something that ran on a worker: a test, an attempt, a fixture. */
int html_timeline_add_result(HtmlTimeline *timeline, const Result *result);
int html_timeline_add_worker(HtmlTimeline *timeline, const Event *event);
/* The run is over. */
void html_timeline_set_length(HtmlTimeline *timeline, uint64_t duration_usec);

/* The lanes and the table of workers; nothing if no worker was started. */
int html_timeline_write(HtmlTimeline *timeline, Buffer *html);
