/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "coordinator/event-log.h"
#include "model/schedule.h"

/*
 * Fixtures: what comes of set-ups and tear-downs
 *
 * A set-up that failed gives the tests of its context their outcome, and the run its verdict; so does a
 * tear-down that failed, but for the outcomes.
 */

typedef struct FixturesConfig {
        const Suite *suite;
        Schedule *schedule;
        EventLog *log;
        /* The tests of this context that wait get this outcome. */
        void (*on_failed)(uint32_t context, Outcome outcome, const char *reason, void *userdata);
        void *userdata;
} FixturesConfig;

/* Why no test of a context is run any more. */
typedef struct ContextFailure {
        char *reason; /* NULL: they are */
        Outcome outcome;
} ContextFailure;

typedef struct Fixtures {
        FixturesConfig config;
        ContextFailure *failures; /* by number of context */
        bool any_failed;
        size_t n_failed; /* of this run alone, where it goes on with another one */
        char *failure;   /* the first, in words */
} Fixtures;

int fixtures_init(Fixtures *fixtures, const FixturesConfig *config);
void fixtures_done(Fixtures *fixtures);

/* Takes result and exports. */
void fixtures_on_result(
                Fixtures *fixtures,
                uint32_t instance,
                PtestRole role,
                Result *result,
                char **exports);
/* One that could not be sent. */
void fixtures_on_reject(Fixtures *fixtures, uint32_t instance, PtestRole role, const char *reason);

/* The worker of a place is gone. A shared context that was set up there is lost to its tests. */
void fixtures_on_gone(Fixtures *fixtures, unsigned place);

/* A context that cannot be set up. Once: later calls have no effect. */
void fixtures_fail_context(Fixtures *fixtures, uint32_t context, const char *reason);

/* A test that comes late: its context may have been lost when nobody needed it any more. */
void fixtures_admit(Fixtures *fixtures, uint32_t test);

/* Nobody tears down any more: each that is left is a failure. */
void fixtures_give_up(Fixtures *fixtures, const char *reason);

/* Why a test that came back is not run again; false: it is. */
bool fixtures_find_failure(
                const Fixtures *fixtures, uint32_t test, Outcome *ret_outcome, const char **ret);
