/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tally.h"
#include "record/event.h"

/*
 * Reporters: from events to what a person or a tool reads
 */

typedef struct Reporter Reporter;

typedef struct ReporterVTable {
        int (*on_event)(Reporter *reporter, const Event *event);
        void (*free)(Reporter *reporter);
} ReporterVTable;

/* Each kind of reporter begins with this. */
struct Reporter {
        const ReporterVTable *vtable;
};

/* Events in the order of the run: run started, …, run finished. Negative: its output could not be written. */
int reporter_on_event(Reporter *reporter, const Event *event);
Reporter *reporter_free(Reporter *reporter);
DEFINE_CLEANUP(Reporter, reporter_free);

/*
 * An output for a report that is written as it goes; "-" is stdout. The caller closes it. What stdout has open is not cut
 * (see fd_open_output()).
 */
int reporter_open_output(const char *path);

/* Reporters for files. path "-": stdout */

/* JUnit XML, written when the run has finished (to a new file that then takes the name). */
int junit_new(const char *path, Reporter **ret);

/* As it goes: TAP 13 */
int tap_new(const char *path, Reporter **ret);
/* Each event as a line of JSON */
int jsonl_new(const char *path, Reporter **ret);
/* subunit v2 */
int subunit_new(const char *path, Reporter **ret);
/* The log of Yocto's ptest-runner */
int yocto_new(const char *path, Reporter **ret);

/* A page for people, written when the run has finished: see html.c */
int html_new(const char *path, Reporter **ret);

/* A run of the same suite that was over before this one began. */
typedef struct HtmlHistoryRun {
        sd_id128_t run_id;
        uint64_t start_usec, duration_usec;
        Verdict verdict;
        Tally tally;
        uint8_t *outcomes; /* of the tests that were asked for, in their order; PTEST_OUTCOME_MAX: it did not have it */
} HtmlHistoryRun;

HtmlHistoryRun *html_history_free(HtmlHistoryRun *runs, size_t n);

/*
 * Gives the runs before the one that this event started, the latest last, with what came of some tests in them; the caller
 * frees them. Asked for when the run has finished. For a page that is the same whenever it is made it leaves out what ended
 * after this run's begin.
 */
typedef int (*HtmlHistory)(
                const Event *started,
                char *const *tests,
                HtmlHistoryRun **ret,
                size_t *ret_n,
                void *userdata);

/* For the page's strips of runs; without it there are none. The reporter is one of html_new(). */
void html_set_history(Reporter *reporter, HtmlHistory history, void *userdata);
