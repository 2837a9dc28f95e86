/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"
#include "coordinator/retry.h"
#include "model/suite.h"
#include "record/recorder.h"

/*
 * The coordinator: runs one suite to its end
 *
 * It owns the loop, the workers and the plan, and decides everything that depends on time. Whatever happens
 * to workers, bus or disk, a run ends: with each planned test in exactly one outcome and a verdict.
 */

/* What a run is doing right now, for a display. */
typedef struct CoordinatorProgress {
        size_t planned, reported, bad;
        size_t running; /* tests that are running */
        unsigned slots;
        uint64_t elapsed_usec;
        uint64_t remaining_usec; /* estimate; USEC_INFINITY: unknown */
} CoordinatorProgress;

typedef struct Coordinator Coordinator;

/* Called from the loop; none of them may block or free the coordinator. */
typedef struct CoordinatorHandlers {
        /* Each event of the run, in order, after it was recorded. */
        void (*on_event)(const Event *event, void *userdata);
        /* A few times a second. */
        void (*on_progress)(
                        Coordinator *coordinator,
                        const CoordinatorProgress *progress,
                        void *userdata);
        /* Somebody sent SIGUSR1: the answer, in the words of ptest status --json */
        void (*on_status)(const char *status, void *userdata);
        /* A line for a person that is not an event: what an interrupt does, … */
        void (*on_notice)(const char *text, void *userdata);
} CoordinatorHandlers;

/* What is recorded of how the run came about. */
typedef struct CoordinatorOrigin {
        const char *working_directory; /* NULL: not known */
        sd_id128_t resumes, rerun_of;  /* null: no other run */
        const char *seed, *shard;      /* NULL: not shuffled; all of the suite */
        char *const *patterns;         /* that chose the tests; NULL: none did */
} CoordinatorOrigin;

typedef struct CoordinatorConfig {
        sd_id128_t run_id;
        CoordinatorOrigin origin;
        BackendKind backend;
        unsigned workers;   /* slots, at least 1 */
        unsigned fail_fast; /* bad outcomes after which nothing more is started; 0: never */
        bool allow_no_tests;
        RetryConfig retry;
        uint64_t run_timeout_usec; /* USEC_INFINITY: none */
        uint64_t stop_usec;
        uint64_t memory_max; /* of a worker */
        uint64_t tasks_max;
        const char *worker_path;
        const char *user; /* who workers become; NULL: as we are */
        uid_t uid;        /* of the workers */
        gid_t gid;
        const char *version;
        const char *command;
        const char *degraded; /* which limits are not held, as a sentence; NULL: none */
        const char *empty_reason; /* why the suite has no tests, if it has none; NULL: it just has none */
        char *const *capabilities; /* "name=yes" */
        const CoordinatorHandlers *handlers;
        /*
         * Results, attempts and failed fixtures of the run that this one goes on with, one at a time, which are those
         * of this run now. NULL: it goes on with none. 1: an event, 0: no more, negative: the rest cannot be read
         */
        int (*next_carried)(Event **ret, void *userdata);
        size_t n_carried_found; /* tests of the suite that were found by others, as what is carried tells */
        void *userdata;
} CoordinatorConfig;

/*
 * SIGINT, SIGTERM, SIGHUP and SIGUSR1 must be blocked. Suite and recorder are borrowed; the config's strings too. The suite
 * grows by the tests that others bring forth.
 */
int coordinator_new(
                const CoordinatorConfig *config,
                Suite *suite,
                Recorder *recorder,
                Coordinator **ret);
Coordinator *coordinator_free(Coordinator *coordinator);
DEFINE_CLEANUP(Coordinator, coordinator_free);

/* Runs to the end. Negative only if the loop itself failed; even then the verdict was recorded if that was possible. */
int coordinator_run(Coordinator *coordinator, Verdict *ret);

/* The i-th slot's running test and its age; false if it runs none. For on_progress. */
bool coordinator_get_running(
                const Coordinator *coordinator,
                unsigned i,
                const char **ret_address,
                uint64_t *ret_age_usec);
