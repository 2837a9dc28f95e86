/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest report: the reports of a run that is over, from its records
 *
 * Reporters know events only, so that what they make later is what they made then. A run that did not come to its
 * end has no event that says so: here it gets one, and its reports are whole and not those of a run that passed.
 */

#include <argp.h>
#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "basic/text.h"
#include "cli/report-options.h"
#include "cli/review-options.h"
#include "cli/run-reports.h"
#include "cli/verb.h"
#include "model/tally.h"

typedef struct ReportArguments {
        ReviewOptions review;
        ReportOptions reports;
} ReportArguments;

/* What was read so far, for what is missing. */
typedef struct Replay {
        RunReports *reports;
        bool started, finished;
        size_t n_events;
        sd_id128_t run_id;
        char *suite;
        uint64_t start_usec, last_usec;
        Tally tally;
} Replay;

static void replay_done(Replay *replay) {
        run_reports_free(replay->reports);
        free(replay->suite);
}

/* ---- Options ---- */

static error_t report_on_option(int key, char *value, struct argp_state *state) {
        ReportArguments *arguments = state->input;

        (void)value;
        switch (key) {
        case ARGP_KEY_INIT:
                state->child_inputs[0] = &arguments->reports;
                state->child_inputs[1] = &arguments->review;
                return 0;
        case ARGP_KEY_SUCCESS:
                if (arguments->review.json)
                        argp_error(state,
                                   "there is no --json here; --jsonl=FILE writes events as JSON");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static const struct argp_child report_children[] = {
        {&report_options_argp, 0, "What is made:", 1 },
        { &review_where_argp,     0, REVIEW_HEADER, 2 },
        {              }
};

static const struct argp report_argp = {
        .parser = report_on_option,
        .args_doc = "[RUN]",
        .doc = "Make the reports of a run from its records: the very same as \"ptest run\" would have written. "
               "Without one of the formats, what it would have printed to a log.\v" REVIEW_RUN_DOC,
        .children = report_children,
};

/* ---- Events ---- */

static int replay_emit(Replay *replay, const Event *event) {
        run_reports_on_event(replay->reports, event);
        return run_reports_get_error(replay->reports);
}

/* A file of which the begin was lost: how many tests there are is known at its end only. */
static int replay_make_start(Replay *replay, const Event *first) {
        _cleanup_(event_freep) Event *event = NULL;
        int r = event_new(EVENT_RUN_STARTED, first->run_id, first->suite, &event);

        if (r < 0)
                return r;
        log_warning("The begin of the run is not there; its reports lack what came before %s",
                    event_kind_to_string(first->kind));
        event->time_usec = first->time_usec;
        event->run_started.grows = true;
        replay->started = true;
        return replay_emit(replay, event);
}

static int replay_make_finish(Replay *replay) {
        _cleanup_(event_freep) Event *event = NULL;
        int r = event_new(EVENT_RUN_FINISHED, replay->run_id, replay->suite, &event);

        if (r < 0)
                return r;
        log_warning("The end of the run is not there: it goes on, or was cut off; its reports say that it is incomplete");
        event->time_usec = replay->last_usec;
        event->run_finished.tally = replay->tally;
        event->run_finished.tally.planned = MAX(
                        replay->tally.planned, tally_reported(&replay->tally));
        event->run_finished.verdict = VERDICT_INCOMPLETE;
        event->run_finished.duration_usec = replay->last_usec > replay->start_usec ?
                        replay->last_usec - replay->start_usec :
                        0;
        r = text_setf(&event->run_finished.reason, "the end of the run is not there");
        return r < 0 ? r : replay_emit(replay, event);
}

static int replay_begin(Replay *replay, const Event *event) {
        replay->run_id = event->run_id;
        replay->start_usec = event->time_usec;
        replay->suite = strdup(event->suite);
        if (!replay->suite)
                return -ENOMEM;
        return event->kind == EVENT_RUN_STARTED ? 0 : replay_make_start(replay, event);
}

static int replay_add(Replay *replay, const Event *event) {
        int r = 0;

        if (replay->n_events++ == 0)
                r = replay_begin(replay, event);
        if (r < 0)
                return r;
        replay->last_usec = MAX(replay->last_usec, event->time_usec);
        if (event->kind == EVENT_RUN_STARTED) {
                /* A second one is none of a whole run, and would begin the reports anew. */
                if (replay->started)
                        return 0;
                replay->started = true;
                replay->tally.planned = event->run_started.planned;
        } else if (event->kind == EVENT_TEST_FINISHED)
                tally_add(&replay->tally, event->result->outcome, event->result->marks);
        else if (event->kind == EVENT_TESTS_FOUND)
                replay->tally.planned = event->tests_found.planned;
        else if (event->kind == EVENT_RUN_FINISHED)
                replay->finished = true;
        return replay_emit(replay, event);
}

static int replay_run(Replay *replay, Source *source) {
        int r;

        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;

                r = source_read(source, &event);
                if (r < 0)
                        return log_error_errno(r, "Failed to read %s: %m", source_get_name(source));
                if (r == 0)
                        break;
                /* What stands behind the end belongs to no report. */
                if (replay->finished)
                        continue;
                r = replay_add(replay, event);
                if (r < 0)
                        return r;
        }
        if (replay->n_events == 0) {
                log_error("%s has no records of a run", source_get_name(source));
                return -ENODATA;
        }
        return replay->finished ? 0 : replay_make_finish(replay);
}

/* ---- The verb ---- */

/* NULL: it reads from a journal */
static const char *report_get_file(const Source *source) {
        const char *name = source_get_name(source);

        return strstr(name, ".export") ? name : NULL;
}

static int report_make(const ReportArguments *arguments) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(replay_done) Replay replay = {};
        int r;

        r = review_open(&arguments->review, &source);
        if (r < 0)
                return 1;
        r = run_reports_new(&arguments->reports, &replay.reports);
        if (r >= 0)
                r = run_reports_set_history(
                                replay.reports, &arguments->review.source, report_get_file(source));
        if (r < 0)
                return 3;
        r = replay_run(&replay, source);
        source_log_problems(source);
        if (run_reports_get_error(replay.reports) < 0)
                return 3;
        return r < 0 ? 1 : 0;
}

int verb_report(int argc, char **argv) {
        ReportArguments arguments = { .reports = REPORT_OPTIONS_DEFAULT };
        int status;

        arguments.reports.files_only = arguments.reports.log = true;
        status = review_parse(&report_argp, argc, argv, &arguments);
        if (status == 0)
                status = report_make(&arguments);
        review_options_done(&arguments.review);
        return status;
}
