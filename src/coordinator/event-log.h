/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/cores.h"
#include "coordinator/slot.h"

/*
 * The events of a run: each is recorded first, then told
 *
 * A record that could not be written is told to the user once, and kept: such a run is not a pass.
 */

typedef struct EventLog {
        const CoordinatorConfig *config; /* weak: owned by the coordinator */
        const Suite *suite;
        Recorder *recorder;
        Cores *cores; /* NULL: results wait for nothing */
        char *error;  /* the first, in words; NULL: all is well */
} EventLog;

/* Results may wait for what is known of their cores. */
int event_log_watch_cores(EventLog *log, sd_event *event);
void event_log_done(EventLog *log);

void event_log_start(EventLog *log);
/* Takes the result. Its record may come a moment later, event_log_sync() at the latest. */
void event_log_result(EventLog *log, Result *result);
/* The same for an attempt that is not the last one at its test. */
void event_log_attempt(EventLog *log, Result *result);
void event_log_worker(
                EventLog *log, EventKind kind, const Slot *slot, const char *why, const char *test);

/* A fixture that failed. Takes the result. */
void event_log_fixture(EventLog *log, const char *context, bool tear_down, Result *result);

/* Takes an event of a run that this one goes on with: a result, an attempt, a fixture, tests found. */
void event_log_carry(EventLog *log, Event *event);

/* Tests that a test brought forth, of which the suite has them already. */
void event_log_found(EventLog *log, const char *test, size_t found, size_t duplicates);

/* The run is about to be stopped; it was, for so long. */
void event_log_paused(EventLog *log, size_t running);
void event_log_continued(EventLog *log, uint64_t away_usec);

typedef struct EventLogEnd {
        const Tally *tally;
        Verdict verdict;
        const char *reason; /* may be NULL */
        uint64_t duration_usec;
} EventLogEnd;

/* Brings all records to the disk, so that the verdict over the run can still depend on that. */
void event_log_sync(EventLog *log);
void event_log_finish(EventLog *log, const EventLogEnd *end);
