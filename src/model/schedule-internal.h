/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/schedule.h"

#include <assert.h>
#include <limits.h>

/*
 * What the files of the schedule share: schedule.c (steps), schedule-bucket.c (which tests are next) and
 * schedule-instance.c (what is set up where)
 */

#define NO_PLACE UINT_MAX

typedef enum TestState {
        TEST_WAITING,
        TEST_GIVEN,
        TEST_DONE,
} TestState;

typedef struct Bucket {
        uint32_t *order;    /* weak: in the schedule's, as long as n_allocated is 0 */
        size_t n_allocated; /* of its own: it has grown */
        size_t n, cursor, n_waiting;
        size_t late; /* from there on there are tests that are given once more; 0: there are none */
        int priority; /* of a unit: the highest in it */
        bool exclusive;
        uint32_t first; /* of a unit: the first in the suite */
} Bucket;

/* What the schedule knows of a context, by its number. */
typedef struct Node {
        uint32_t unit;
        unsigned depth;
        uint32_t first;  /* of the tests in it and in what is nested in it */
        size_t n_undone; /* of the same */
        bool failed;
        bool wanted;       /* shared: a test of it would be next */
        unsigned place;    /* shared: its place */
        uint32_t instance; /* shared: the one that there is */
        unsigned taken;    /* unit: the place that runs it */
        size_t n_orphans;  /* unit: of it and of what is nested in it */
        size_t n_fresh;    /* such instances */
} Node;

typedef enum InstanceState {
        INSTANCE_GONE,
        INSTANCE_SETTING_UP,
        INSTANCE_UP,
        INSTANCE_FAILED,
        INSTANCE_TEARING_DOWN,
} InstanceState;

typedef struct Instance {
        uint32_t context;
        uint32_t parent; /* the instance that it is nested in, 0: none */
        InstanceState state;
        bool failed;    /* its set-up did */
        bool fresh;     /* set up, or about to be, for tests that its place was not given yet */
        unsigned place; /* where it is active; NO_PLACE: an orphan */
        size_t n_children;
        char **exports;
} Instance;

typedef struct Place {
        uint32_t *active; /* instances in the order of their set-up */
        size_t n_active;
        uint32_t fixture; /* the instance whose fixture it is at */
        uint32_t unit;
        size_t n_tests;
        bool closing;
} Place;

struct Schedule {
        const Suite *suite;
        size_t n_tests, n_allocated; /* of what is there for each test */
        unsigned n_slots, n_places;
        Place *places;
        Bucket *buckets; /* by number of context */
        Node *nodes;     /* the same */
        uint32_t *order;
        uint32_t *position, *place_of; /* by test, and so the states */
        uint8_t *states;
        size_t n_waiting, n_given, n_fixtures;
        bool changed;             /* an instance is gone without a step */
        unsigned exclusive_place; /* nothing is given to another one */

        Instance *instances; /* number n is at n - 1 */
        size_t n_instances, n_alive;
        uint32_t *orphans; /* nested ones before what they are nested in */
        size_t n_orphans;
};

static inline const Context *get_context(const Schedule *schedule, uint32_t number) {
        return schedule->suite->contexts[number - 1];
}

static inline uint32_t get_parent(const Schedule *schedule, uint32_t number) {
        return get_context(schedule, number)->parent;
}

static inline bool is_shared(const Schedule *schedule, uint32_t number) {
        return get_context(schedule, number)->mode == CONTEXT_SHARED &&
                        schedule->nodes[number].unit == CONTEXT_NONE;
}

static inline Instance *get_instance(const Schedule *schedule, uint32_t instance) {
        assert(instance > 0 && instance <= schedule->n_instances);
        return &schedule->instances[instance - 1];
}

/* ---- Buckets ---- */

/* Puts all tests into their buckets, in order. */
int schedule_fill_buckets(Schedule *schedule);
uint32_t schedule_get_bucket(const Schedule *schedule, uint32_t test);
bool schedule_test_is_exclusive(const Schedule *schedule, uint32_t test);

/* The test at this place of the order waits, and this is where it stands now. */
static inline bool bucket_waits_at(const Schedule *schedule, const Bucket *bucket, size_t i) {
        uint32_t test = bucket->order[i];

        return schedule->states[test] == TEST_WAITING && schedule->position[test] == i;
}

/* A test that does not wait is to be behind the others, if there is memory for that. */
void bucket_move_behind(Schedule *schedule, Bucket *bucket, uint32_t test);

/* The first test of a bucket that waits; only if there is one. */
uint32_t bucket_get_head(const Schedule *schedule, Bucket *bucket);
/* Of a unit: the one that its place is to run next. */
uint32_t unit_get_head(const Schedule *schedule, unsigned place, Bucket *bucket);
bool bucket_is_unit(const Schedule *schedule, uint32_t number);
/* The outermost shared context around a bucket that is not up; CONTEXT_NONE: they all are. */
uint32_t bucket_find_missing(const Schedule *schedule, uint32_t number);

typedef struct Candidate {
        uint32_t bucket;
        int priority;
        bool exclusive;
        bool foreign; /* the place would have to set up for it */
        uint32_t first;
        bool any;
} Candidate;

/* The best bucket for a place. */
Candidate schedule_pick(Schedule *schedule, unsigned place);

/* ---- Instances ---- */

uint32_t place_find_active(const Schedule *schedule, unsigned place, uint32_t context);
/* The instance of a context that holds at a place; 0: none */
uint32_t schedule_find_instance(const Schedule *schedule, unsigned place, uint32_t context);

int instance_new(Schedule *schedule, unsigned place, uint32_t context, uint32_t *ret);
void instance_drop(Schedule *schedule, uint32_t number);
/* It is there for tests now, or will not be: others may be asked for those. */
void instance_settle(Schedule *schedule, uint32_t number);
/* All at a place. */
void place_settle(Schedule *schedule, unsigned place);
bool instance_needs_tear_down(const Schedule *schedule, const Instance *instance);
bool instance_is_due(const Schedule *schedule, const Instance *instance);
