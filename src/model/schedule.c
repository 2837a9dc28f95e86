/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a place is to be given next: a tear-down that is due, else what is on the way to the best test for it. The
 * order of tests is that of schedule-bucket.c, what is set up where is known to schedule-instance.c.
 */

#include "model/schedule-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/strv.h"

/* ---- New, free ---- */

static void schedule_fill_nodes(Schedule *schedule) {
        const Suite *suite = schedule->suite;
        unsigned place = schedule->n_slots;

        for (uint32_t i = 1; i <= suite->n_contexts; i++) {
                Node *node = &schedule->nodes[i];

                node->unit = contexts_find_unit(suite->contexts, i);
                node->taken = NO_PLACE;
                node->place = is_shared(schedule, i) ? place++ : NO_PLACE;
                node->first = UINT32_MAX;
                for (uint32_t at = get_parent(schedule, i); at != CONTEXT_NONE;
                     at = get_parent(schedule, at))
                        node->depth++;
        }
        for (size_t i = 0; i < schedule->n_tests; i++)
                for (uint32_t at = suite->tests[i]->traits->context; at != CONTEXT_NONE;
                     at = get_parent(schedule, at)) {
                        schedule->nodes[at].n_undone++;
                        schedule->nodes[at].first = MIN(schedule->nodes[at].first, (uint32_t)i);
                }
}

int schedule_new(const Suite *suite, unsigned n_slots, Schedule **ret) {
        _cleanup_(schedule_freep) Schedule *schedule = calloc(1, sizeof(*schedule));
        size_t n = MAX(suite->n_tests, 1U);
        int r;

        if (!schedule)
                return -ENOMEM;
        schedule->suite = suite;
        schedule->n_tests = suite->n_tests;
        schedule->n_allocated = n;
        schedule->n_slots = schedule->n_places = n_slots;
        schedule->exclusive_place = NO_PLACE;
        schedule->nodes = calloc(suite->n_contexts + 1, sizeof(Node));
        schedule->buckets = calloc(suite->n_contexts + 1, sizeof(Bucket));
        schedule->order = calloc(n, sizeof(uint32_t));
        schedule->position = calloc(n, sizeof(uint32_t));
        schedule->place_of = calloc(n, sizeof(uint32_t));
        schedule->states = calloc(n, sizeof(uint8_t));
        if (!schedule->nodes || !schedule->buckets || !schedule->order || !schedule->position ||
            !schedule->place_of || !schedule->states)
                return -ENOMEM;
        schedule_fill_nodes(schedule);
        for (uint32_t i = 1; i <= suite->n_contexts; i++)
                schedule->n_places += is_shared(schedule, i);
        schedule->places = calloc(schedule->n_places, sizeof(Place));
        if (!schedule->places)
                return -ENOMEM;
        r = schedule_fill_buckets(schedule);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(schedule);
        return 0;
}

Schedule *schedule_free(Schedule *schedule) {
        if (!schedule)
                return NULL;
        for (unsigned i = 0; schedule->places && i < schedule->n_places; i++)
                free(schedule->places[i].active);
        for (size_t i = 0; i < schedule->n_instances; i++)
                strv_free(schedule->instances[i].exports);
        for (size_t i = 0; schedule->buckets && i <= schedule->suite->n_contexts; i++)
                if (schedule->buckets[i].n_allocated > 0)
                        free(schedule->buckets[i].order);
        free(schedule->places);
        free(schedule->nodes);
        free(schedule->buckets);
        free(schedule->order);
        free(schedule->position);
        free(schedule->place_of);
        free(schedule->states);
        free(schedule->instances);
        free(schedule->orphans);
        free(schedule);
        return NULL;
}

/* ---- Steps ---- */

static void give_fixture(
                Schedule *schedule,
                unsigned place,
                uint32_t number,
                ScheduleAction action,
                ScheduleStep *ret) {
        Instance *instance = get_instance(schedule, number);

        instance->state = action == SCHEDULE_SET_UP ? INSTANCE_SETTING_UP : INSTANCE_TEARING_DOWN;
        if (action == SCHEDULE_SET_UP && !is_shared(schedule, instance->context)) {
                instance->fresh = true;
                schedule->nodes[instance->context].n_fresh++;
        }
        schedule->places[place].fixture = number;
        schedule->n_fixtures++;
        *ret = (ScheduleStep){ .action = action, .instance = number, .context = instance->context };
}

/* Over, without anything to be done for it. */
static void instance_forget(Schedule *schedule, uint32_t number) {
        instance_drop(schedule, number);
        schedule->changed = true;
}

/* A tear-down that is due at this place, or an orphan's. */
static void step_tear_down(Schedule *schedule, unsigned place, ScheduleStep *ret) {
        Place *p = &schedule->places[place];

        for (size_t i = p->n_active; i > 0; i--) {
                uint32_t number = p->active[i - 1];
                const Instance *instance = get_instance(schedule, number);

                if (!instance_is_due(schedule, instance))
                        continue;
                if (instance_needs_tear_down(schedule, instance)) {
                        give_fixture(schedule, place, number, SCHEDULE_TEAR_DOWN, ret);
                        return;
                }
                instance_forget(schedule, number);
        }
        if (place >= schedule->n_slots || p->closing)
                return;
        for (size_t i = 0; i < schedule->n_orphans;) {
                uint32_t number = schedule->orphans[i];
                const Instance *instance = get_instance(schedule, number);

                if (!instance_is_due(schedule, instance))
                        i++;
                else if (!instance_needs_tear_down(schedule, instance))
                        instance_forget(schedule, number);
                else {
                        give_fixture(schedule, place, number, SCHEDULE_TEAR_DOWN, ret);
                        return;
                }
        }
}

static int step_set_up(Schedule *schedule, unsigned place, uint32_t context, ScheduleStep *ret) {
        uint32_t number;
        int r = instance_new(schedule, place, context, &number);

        if (r >= 0 && get_context(schedule, context)->set_up)
                give_fixture(schedule, place, number, SCHEDULE_SET_UP, ret);
        return r;
}

/* The place of a shared context. */
static int step_shared(Schedule *schedule, unsigned place, ScheduleStep *ret) {
        uint32_t context = schedule_get_shared(schedule, place);
        const Node *node = &schedule->nodes[context];

        if (!node->wanted || node->failed || node->instance != 0 || node->n_undone == 0 ||
            bucket_find_missing(schedule, context) != context)
                return 0;
        return step_set_up(schedule, place, context, ret);
}

/*
 * An exclusive test is given when nobody holds anything, and then its place is the only one. A unit is exclusive as a
 * whole, unless such a test was found when it had begun.
 */
static bool place_makes_room(Schedule *schedule, unsigned place, uint32_t bucket, uint32_t test) {
        if (!schedule->buckets[bucket].exclusive || !schedule_test_is_exclusive(schedule, test))
                return true;
        if (bucket_is_unit(schedule, bucket) && schedule->exclusive_place == place)
                return true;
        if (schedule->n_given > 0 || schedule->n_fixtures > 0)
                return false;
        schedule->exclusive_place = place;
        return true;
}

/* Those from the first one on that are like it. */
static void give_tests(
                Schedule *schedule,
                unsigned place,
                uint32_t bucket_number,
                uint32_t first,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        Bucket *bucket = &schedule->buckets[bucket_number];
        const PackedTest *like = schedule->suite->tests[first];
        bool unit = bucket_is_unit(schedule, bucket_number);
        size_t n = 0;

        for (size_t i = schedule->position[first]; n < max && i < bucket->n; i++) {
                uint32_t test = bucket->order[i];
                const PackedTest *t = schedule->suite->tests[test];

                if (!bucket_waits_at(schedule, bucket, i))
                        continue;
                if (unit ? t->traits->context != like->traits->context :
                           t->priority != like->priority)
                        break;
                if (!place_makes_room(schedule, place, bucket_number, test))
                        break;
                schedule->states[test] = TEST_GIVEN;
                schedule->place_of[test] = place;
                schedule->n_given++;
                bucket->n_waiting--;
                tests[n++] = test;
        }
        if (n == 0)
                return;
        place_settle(schedule, place);
        schedule->n_waiting -= n;
        schedule->places[place].n_tests += n;
        *ret = (ScheduleStep){ .action = SCHEDULE_TESTS,
                               .n_tests = n,
                               .context = like->traits->context };
}

/* The next thing on the way to the first test of a bucket: a set-up, or the tests. */
static int step_bucket(
                Schedule *schedule,
                unsigned place,
                uint32_t number,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        Bucket *bucket = &schedule->buckets[number];
        uint32_t test = bucket_is_unit(schedule, number) ? unit_get_head(schedule, place, bucket) :
                                                           bucket_get_head(schedule, bucket);
        uint32_t context = schedule->suite->tests[test]->traits->context;
        const Place *p = &schedule->places[place];

        for (;;) {
                uint32_t missing = CONTEXT_NONE;
                int r;

                for (uint32_t at = context; at != CONTEXT_NONE; at = get_parent(schedule, at))
                        if (!is_shared(schedule, at) && place_find_active(schedule, place, at) == 0)
                                missing = at;
                if (missing == CONTEXT_NONE)
                        break;
                if (p->n_tests > 0)
                        return 0;
                r = step_set_up(schedule, place, missing, ret);
                if (r < 0 || ret->action != SCHEDULE_NOTHING)
                        return r;
        }
        /* In a unit what is nested is left, with its tear-down, before the next test. */
        if (bucket_is_unit(schedule, number) &&
            get_instance(schedule, p->active[p->n_active - 1])->context != context)
                return 0;
        give_tests(schedule, place, number, test, tests, max, ret);
        return 0;
}

/* True while the place is at its unit. */
static bool place_keeps_unit(Schedule *schedule, unsigned place) {
        Place *p = &schedule->places[place];

        if (p->unit == CONTEXT_NONE)
                return false;
        if (place_find_active(schedule, place, p->unit) != 0)
                return true;
        /* Tests of it may have been found when the shared context around it was torn down already. */
        if (schedule->nodes[p->unit].n_undone > 0 &&
            bucket_find_missing(schedule, p->unit) == CONTEXT_NONE)
                return true;
        schedule->nodes[p->unit].taken = NO_PLACE;
        p->unit = CONTEXT_NONE;
        if (schedule->exclusive_place == place) {
                /* Those that were asked before it had nothing to do because of it. */
                schedule->exclusive_place = NO_PLACE;
                schedule->changed = true;
        }
        return false;
}

static int step_tests(
                Schedule *schedule,
                unsigned place,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        Place *p = &schedule->places[place];
        Candidate next;

        if (place_keeps_unit(schedule, place))
                return schedule->buckets[p->unit].n_waiting > 0 ?
                                step_bucket(schedule, place, p->unit, tests, max, ret) :
                                0;
        next = schedule_pick(schedule, place);
        if (!next.any)
                return 0;
        if (next.exclusive && (schedule->n_given > 0 || schedule->n_fixtures > 0))
                return 0;
        if (bucket_is_unit(schedule, next.bucket)) {
                if (p->n_tests > 0)
                        return 0;
                p->unit = next.bucket;
                schedule->nodes[next.bucket].taken = place;
                if (next.exclusive)
                        schedule->exclusive_place = place;
        }
        return step_bucket(schedule, place, next.bucket, tests, max, ret);
}

int schedule_next(
                Schedule *schedule,
                unsigned place,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        Place *p = &schedule->places[place];

        assert(place < schedule->n_places);
        assert(max > 0);

        *ret = (ScheduleStep){};
        if (p->fixture != 0 ||
            (schedule->exclusive_place != NO_PLACE && schedule->exclusive_place != place))
                return 0;
        if (p->n_tests == 0)
                step_tear_down(schedule, place, ret);
        if (ret->action != SCHEDULE_NOTHING || p->closing)
                return 0;
        if (place >= schedule->n_slots)
                return step_shared(schedule, place, ret);
        return step_tests(schedule, place, tests, max, ret);
}

/* ---- Looking ---- */

bool schedule_take_changed(Schedule *schedule) {
        bool changed = schedule->changed;

        schedule->changed = false;
        return changed;
}

unsigned schedule_get_n_places(const Schedule *schedule) {
        return schedule->n_places;
}

uint32_t schedule_get_shared(const Schedule *schedule, unsigned place) {
        for (uint32_t i = 1; place >= schedule->n_slots && i <= schedule->suite->n_contexts; i++)
                if (schedule->nodes[i].place == place)
                        return i;
        return CONTEXT_NONE;
}

bool schedule_wants_place(const Schedule *schedule, unsigned place) {
        uint32_t context = schedule_get_shared(schedule, place);
        const Node *node = &schedule->nodes[context];

        if (context == CONTEXT_NONE)
                return false;
        if (schedule->places[place].n_active > 0)
                return true;
        return node->wanted && !node->failed && node->instance == 0 && node->n_undone > 0 &&
                        bucket_find_missing(schedule, context) == context;
}

size_t schedule_count_waiting(const Schedule *schedule) {
        return schedule->n_waiting;
}

bool schedule_is_needed(const Schedule *schedule, uint32_t shared_context) {
        const Node *node = &schedule->nodes[shared_context];

        return node->n_undone > 0 && node->instance != 0 &&
                        get_instance(schedule, node->instance)->state == INSTANCE_UP;
}

bool schedule_has_failed(const Schedule *schedule, uint32_t context) {
        return schedule->nodes[context].failed;
}

bool schedule_is_clean(const Schedule *schedule) {
        return schedule->n_alive == 0;
}

bool schedule_holds_instances(const Schedule *schedule, unsigned place) {
        return schedule->places[place].n_active > 0 || schedule->places[place].fixture != 0;
}

bool schedule_is_tearing_down(const Schedule *schedule, unsigned place) {
        uint32_t fixture = schedule->places[place].fixture;

        return fixture != 0 && get_instance(schedule, fixture)->state == INSTANCE_TEARING_DOWN;
}

/* ---- What came of it ---- */

static void schedule_take_back(Schedule *schedule, uint32_t test) {
        unsigned place = schedule->place_of[test];
        Place *p = &schedule->places[place];

        p->n_tests--;
        schedule->n_given--;
        if (schedule->exclusive_place == place && p->n_tests == 0 && p->unit == CONTEXT_NONE)
                schedule->exclusive_place = NO_PLACE;
}

void schedule_on_done(Schedule *schedule, uint32_t test) {
        uint32_t context = schedule->suite->tests[test]->traits->context;

        if (schedule->states[test] == TEST_DONE)
                return;
        if (schedule->states[test] == TEST_GIVEN)
                schedule_take_back(schedule, test);
        else {
                schedule->n_waiting--;
                schedule->buckets[schedule_get_bucket(schedule, test)].n_waiting--;
        }
        schedule->states[test] = TEST_DONE;
        for (; context != CONTEXT_NONE; context = get_parent(schedule, context))
                schedule->nodes[context].n_undone--;
}

void schedule_on_returned(Schedule *schedule, uint32_t test) {
        Bucket *bucket = &schedule->buckets[schedule_get_bucket(schedule, test)];

        assert(schedule->states[test] == TEST_GIVEN);
        schedule_take_back(schedule, test);
        schedule->states[test] = TEST_WAITING;
        schedule->n_waiting++;
        bucket->n_waiting++;
        bucket->cursor = MIN(bucket->cursor, schedule->position[test]);
}

void schedule_on_retry(Schedule *schedule, uint32_t test, bool behind) {
        Bucket *bucket = &schedule->buckets[schedule_get_bucket(schedule, test)];

        bucket->exclusive |= schedule_test_is_exclusive(schedule, test);
        if (behind)
                bucket_move_behind(schedule, bucket, test);
        schedule_on_returned(schedule, test);
}

void schedule_close(Schedule *schedule, unsigned place) {
        schedule->places[place].closing = true;
        place_settle(schedule, place);
}
