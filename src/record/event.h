/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "model/tally.h"
#include "record/record.h"

#include <systemd/sd-id128.h>

/*
 * Events of a run, as structs; and their one encoding as records (ptest/journal.h)
 *
 * Reporters and the review commands know events only, live or read back.
 */

typedef enum EventKind {
        EVENT_RUN_STARTED,
        EVENT_RUN_FINISHED,
        EVENT_TEST_FINISHED,
        EVENT_WORKER_STARTED,
        EVENT_WORKER_STOPPED,
        EVENT_WORKER_STUCK,
        EVENT_WORKER_LOST,
        EVENT_FIXTURE_FAILED,
        EVENT_TESTS_FOUND,
        EVENT_ATTEMPT_FINISHED, /* not the last one at a test, which is its test finished: see ptest/journal.h */
        EVENT_RUN_PAUSED,
        EVENT_RUN_CONTINUED,
        EVENT_KIND_MAX,
        EVENT_KIND_INVALID = -22, /* -EINVAL */
} EventKind;

typedef struct EventWorker {
        unsigned slot, generation;
        pid_t pid;
        char *unit;   /* NULL on the plain backend */
        char *why;    /* stopped, stuck, lost: one line; may be NULL */
        char *test;   /* stuck: the address that it was at; may be NULL */
        char **stuck; /* stuck: what its processes were doing, a line each */
} EventWorker;

typedef struct Event {
        EventKind kind;
        sd_id128_t run_id;
        char *suite;
        uint64_t time_usec; /* CLOCK_REALTIME */
        char **pressure;    /* of run started and run finished; NULL: the kernel does not tell */

        struct {
                char *description; /* may be NULL */
                char *version;
                size_t planned;
                bool grows; /* tests may bring forth more of them */
                unsigned workers;
                char *backend;
                char **capabilities; /* "name=yes", "name=no" */
                char *hostname;
                char *command;
                char *working_directory;
                char *run_file;      /* the path of the file that this event was written to first */
                char *degraded;      /* which limits are not held, as a sentence; NULL: none */
                sd_id128_t resumes;  /* null: it is none that was resumed */
                sd_id128_t rerun_of; /* null: it is none of tests of another run */
                char *seed;          /* of the order; NULL: it is the suite's */
                char *shard;         /* "2/5"; NULL: the whole suite */
                char **patterns;     /* that chose the tests; NULL: none did */
        } run_started;
        struct {
                Tally tally;
                Verdict verdict;
                char *reason; /* of a verdict that is not about tests: one line; may be NULL */
                uint64_t duration_usec;
                size_t journal_lost;
                char *run_file; /* the path of the file in which the run is kept */
        } run_finished;
        /* of test finished, attempt finished and fixture failed; the latter's address is "CONTEXT (set-up)" */
        Result *result;
        sd_id128_t carried_from; /* the run that had this result; null: this one */
        struct {
                char *context;
                bool tear_down; /* else it is the set-up */
        } fixture;              /* of fixture failed */
        struct {
                char *test;        /* the address of the one that found them */
                size_t found;      /* how many, without the next ones */
                size_t duplicates; /* that were there already */
                size_t planned;    /* tests in all, now */
        } tests_found;
        struct {
                size_t running;     /* run paused: tests that were running */
                uint64_t away_usec; /* run continued: for how long */
        } pause;
        EventWorker worker; /* of the four worker events */
} Event;

int event_new(EventKind kind, sd_id128_t run_id, const char *suite, Event **ret);
Event *event_free(Event *event);
DEFINE_CLEANUP(Event, event_free);

/* "run started", "test finished"; never NULL */
const char *event_kind_to_string(EventKind kind);

int event_to_record(const Event *event, Record **ret);
/* The same into an empty record, whose memory is used again: for the many */
int event_fill_record(const Event *event, Record *record);
/*
 * -EBADMSG: not one of our records, or one that lacks what it must have. Fields and marks that are not known
 * are skipped.
 */
int event_from_record(const Record *record, Event **ret);
