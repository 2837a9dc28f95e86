/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * The schedule: which worker gets which tests next, and when which fixture is set up or torn down, by whom
 *
 * Pure: it is asked with schedule_next() what a place is to be given, and is told what came of it. Places are
 * the slots of workers (0 to n_slots - 1), then one for each shared context, where only that context's fixture
 * is run. A test is named by its index in the suite, a context by its number. One set-up of a context with what
 * follows from it is an instance, numbered from 1 in a run.
 *
 * Tests go in the order of their priority (higher first), then those that may run beside others before exclusive
 * ones, then as in the suite; a worker prefers those whose contexts it has set up. A whole context goes as one,
 * with the highest priority in it, and is exclusive if anything in it is.
 *
 * What holds:
 *  - A fixture is given to a place that holds nothing else, and nothing is given to it until that has ended.
 *  - An instance is torn down once if its set-up was started and did not skip: when all of its context's tests
 *    have their outcome, its set-up failed, its place is closing, or its place's worker is gone. Then it is an orphan,
 *    and any worker does it. What is nested in it comes first.
 *  - A whole context that has an orphan is not begun anew before that one is torn down.
 */

typedef struct Schedule Schedule;

typedef enum ScheduleAction {
        SCHEDULE_NOTHING,
        SCHEDULE_TESTS,
        SCHEDULE_SET_UP,
        SCHEDULE_TEAR_DOWN,
} ScheduleAction;

typedef struct ScheduleStep {
        ScheduleAction action;
        size_t n_tests;    /* written to the caller's array */
        uint32_t instance; /* of set-up and tear-down */
        uint32_t context;
} ScheduleStep;

/* What became of a set-up. */
typedef enum ScheduleSetUp {
        SCHEDULE_SET_UP_GOOD,
        SCHEDULE_SET_UP_SKIPPED, /* there is nothing to tear down */
        SCHEDULE_SET_UP_FAILED,
} ScheduleSetUp;

int schedule_new(const Suite *suite, unsigned n_slots, Schedule **ret);
Schedule *schedule_free(Schedule *schedule);
DEFINE_CLEANUP(Schedule, schedule_free);

/*
 * Takes in the test that was added to the suite behind those that it knows, which waits like any other: in its
 * context, which is not torn down before. -ENOMEM: nothing has changed
 */
int schedule_add(Schedule *schedule);

/* ---- What is to be done ---- */

/* Slots, and one more for each shared context. */
unsigned schedule_get_n_places(const Schedule *schedule);
/* The shared context of a place; CONTEXT_NONE for a slot of a worker. */
uint32_t schedule_get_shared(const Schedule *schedule, unsigned place);

/* What is given to this place now, which is taken as given: at most max tests. -ENOMEM */
int schedule_next(
                Schedule *schedule, unsigned place, uint32_t *tests, size_t max, ScheduleStep *ret);

/*
 * Since the last call something was over without a step, as what needs no tear-down is, or a place's hold on all the
 * others: a place that had nothing to do may have now. So as long as this is true, all of them are to be asked once more.
 */
bool schedule_take_changed(Schedule *schedule);

/* How many slots of workers could be given something now, up to max. */
size_t schedule_count_startable(Schedule *schedule, size_t max);
/* The place of a shared context has something to do. */
bool schedule_wants_place(const Schedule *schedule, unsigned place);

/* Tests that were not given to anybody. */
size_t schedule_count_waiting(const Schedule *schedule);
/* All of them, or those in one context and all that is nested in it; the array is the caller's. */
int schedule_list_waiting(
                const Schedule *schedule, uint32_t context, uint32_t **ret, size_t *ret_n);

/* A context is set up, and has tests without an outcome. */
bool schedule_is_needed(const Schedule *schedule, uint32_t shared_context);

/* It is not set up any more: that failed, or what was set up for all is lost with its process. */
bool schedule_has_failed(const Schedule *schedule, uint32_t context);

/* No instance is there any more: nothing is left to be torn down. */
bool schedule_is_clean(const Schedule *schedule);
/* A place has instances, or is at a fixture. */
bool schedule_holds_instances(const Schedule *schedule, unsigned place);
bool schedule_is_tearing_down(const Schedule *schedule, unsigned place);

/* ---- What came of it ---- */

/* A test has its outcome, wherever it was. */
void schedule_on_done(Schedule *schedule, uint32_t test);
/* A test that was given and not started is to be given again. */
void schedule_on_returned(Schedule *schedule, uint32_t test);
/*
 * A test that was given is to be given once more. It may be exclusive from now on: the suite says so before this. behind:
 * the tests that wait beside it in its context go first, and those of other contexts with its priority.
 */
void schedule_on_retry(Schedule *schedule, uint32_t test, bool behind);

/* Takes the exports ("NAME=value"). After a failure nobody sets that context up again. */
void schedule_on_set_up(Schedule *schedule, uint32_t instance, ScheduleSetUp how, char **exports);
void schedule_on_torn_down(Schedule *schedule, uint32_t instance);
/* A fixture that was given was not started. */
void schedule_on_fixture_returned(Schedule *schedule, uint32_t instance);

/* The worker of a place is gone, and all that it held was told. What it had set up are orphans. */
void schedule_on_gone(Schedule *schedule, unsigned place);
/* The worker of a place is to leave: it gets no more tests, and tears down. Until it is gone. */
void schedule_close(Schedule *schedule, unsigned place);
/* Nobody can tear down any more: one instance that is left, then forgotten; 0: none */
uint32_t schedule_drop_instance(Schedule *schedule);

/* ---- Instances ---- */

uint32_t schedule_get_context(const Schedule *schedule, uint32_t instance);
/* What was exported for an instance, and for all that it is nested in, outermost first; a new vector. */
int schedule_get_exports(const Schedule *schedule, uint32_t instance, char ***ret);
/* The same for a test that was given to a place. */
int schedule_get_test_exports(const Schedule *schedule, uint32_t test, unsigned place, char ***ret);
