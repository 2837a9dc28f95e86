/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests stand in buckets: one for those of no context, one for each whole context that is in no other whole
 * one (a unit), one for each other context. In a bucket they are in their order, and which of them wait is seen
 * from their state: a cursor stands at or before the first one that waits. Which bucket is next depends on the
 * place that asks; with no contexts there is only one.
 */

#include "model/schedule.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "basic/strv.h"

#define NO_PLACE UINT_MAX

typedef enum TestState {
        TEST_WAITING,
        TEST_GIVEN,
        TEST_DONE,
} TestState;

typedef struct Bucket {
        uint32_t *order; /* weak: in the schedule's */
        size_t n, cursor, n_waiting;
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
        unsigned n_slots, n_places;
        Place *places;
        Bucket *buckets; /* by number of context */
        Node *nodes;     /* the same */
        uint32_t *order, *position, *place_of;
        uint8_t *states;
        size_t n_waiting, n_given, n_fixtures;
        unsigned exclusive_place; /* nothing is given to another one */

        Instance *instances; /* number n is at n - 1 */
        size_t n_instances, n_alive;
        uint32_t *orphans; /* nested ones before what they are nested in */
        size_t n_orphans;
};

/* ---- New, free ---- */

static const Context *get_context(const Schedule *schedule, uint32_t number) {
        return schedule->suite->contexts[number - 1];
}

static uint32_t get_parent(const Schedule *schedule, uint32_t number) {
        return get_context(schedule, number)->parent;
}

static bool is_shared(const Schedule *schedule, uint32_t number) {
        return get_context(schedule, number)->mode == CONTEXT_SHARED &&
                        schedule->nodes[number].unit == CONTEXT_NONE;
}

static uint32_t get_bucket(const Schedule *schedule, uint32_t test) {
        uint32_t context = schedule->suite->tests[test]->traits->context;

        if (context == CONTEXT_NONE)
                return 0;
        return schedule->nodes[context].unit != CONTEXT_NONE ? schedule->nodes[context].unit :
                                                               context;
}

typedef struct OrderKey {
        uint32_t bucket, test;
        int priority;
        bool exclusive;
} OrderKey;

/* In a unit: what is nested stands together, where its first test is in the suite. */
static int compare_in_unit(const Schedule *schedule, uint32_t x, uint32_t y) {
        const Node *nodes = schedule->nodes;
        uint32_t a = schedule->suite->tests[x]->traits->context,
                 b = schedule->suite->tests[y]->traits->context;
        uint32_t key_a = x, key_b = y;

        while (a != b) {
                if (nodes[a].depth >= nodes[b].depth) {
                        key_a = nodes[a].first;
                        a = get_parent(schedule, a);
                } else {
                        key_b = nodes[b].first;
                        b = get_parent(schedule, b);
                }
        }
        return key_a < key_b ? -1 : key_a > key_b;
}

static int order_key_compare(const void *a, const void *b, void *userdata) {
        const Schedule *schedule = userdata;
        const OrderKey *x = a, *y = b;

        if (x->bucket != y->bucket)
                return x->bucket < y->bucket ? -1 : 1;
        if (x->bucket != 0 && schedule->nodes[x->bucket].unit != CONTEXT_NONE)
                return compare_in_unit(schedule, x->test, y->test);
        if (x->priority != y->priority)
                return x->priority > y->priority ? -1 : 1;
        if (x->exclusive != y->exclusive)
                return x->exclusive ? 1 : -1;
        return x->test < y->test ? -1 : x->test > y->test;
}

static bool test_is_exclusive(const Schedule *schedule, uint32_t test) {
        uint32_t context = schedule->suite->tests[test]->traits->context;
        bool exclusive = schedule->suite->tests[test]->exclusive;

        for (; context != CONTEXT_NONE; context = get_parent(schedule, context))
                exclusive |= get_context(schedule, context)->exclusive;
        return exclusive;
}

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
        for (size_t i = 0; i < suite->n_tests; i++)
                for (uint32_t at = suite->tests[i]->traits->context; at != CONTEXT_NONE;
                     at = get_parent(schedule, at)) {
                        schedule->nodes[at].n_undone++;
                        schedule->nodes[at].first = MIN(schedule->nodes[at].first, (uint32_t)i);
                }
}

static int schedule_fill_buckets(Schedule *schedule) {
        size_t n = schedule->suite->n_tests;
        _cleanup_free_ OrderKey *keys = calloc(MAX(n, 1U), sizeof(*keys));

        if (!keys)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                keys[i] = (OrderKey){
                        .bucket = get_bucket(schedule, (uint32_t)i),
                        .test = (uint32_t)i,
                        .priority = schedule->suite->tests[i]->priority,
                        .exclusive = test_is_exclusive(schedule, (uint32_t)i),
                };
        qsort_r(keys, n, sizeof(*keys), order_key_compare, schedule);
        for (size_t i = 0; i < n; i++) {
                Bucket *bucket = &schedule->buckets[keys[i].bucket];

                if (bucket->n == 0) {
                        bucket->order = schedule->order + i;
                        bucket->priority = keys[i].priority;
                        bucket->first = keys[i].test;
                }
                bucket->priority = MAX(bucket->priority, keys[i].priority);
                bucket->exclusive |= keys[i].exclusive;
                bucket->first = MIN(bucket->first, keys[i].test);
                schedule->order[i] = keys[i].test;
                schedule->position[keys[i].test] = (uint32_t)bucket->n++;
                bucket->n_waiting++;
        }
        schedule->n_waiting = n;
        return 0;
}

int schedule_new(const Suite *suite, unsigned n_slots, Schedule **ret) {
        _cleanup_(schedule_freep) Schedule *schedule = calloc(1, sizeof(*schedule));
        size_t n = MAX(suite->n_tests, 1U);
        int r;

        if (!schedule)
                return -ENOMEM;
        schedule->suite = suite;
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

/* ---- Instances ---- */

static Instance *get_instance(const Schedule *schedule, uint32_t instance) {
        assert(instance > 0 && instance <= schedule->n_instances);
        return &schedule->instances[instance - 1];
}

static int list_append(uint32_t **list, size_t *n, uint32_t value) {
        uint32_t *grown = reallocarray(*list, *n + 1, sizeof(uint32_t));

        if (!grown)
                return -ENOMEM;
        *list = grown;
        grown[(*n)++] = value;
        return 0;
}

static void list_remove(uint32_t *list, size_t *n, uint32_t value) {
        size_t to = 0;

        for (size_t i = 0; i < *n; i++)
                if (list[i] != value)
                        list[to++] = list[i];
        *n = to;
}

static uint32_t place_find_active(const Schedule *schedule, unsigned place, uint32_t context) {
        const Place *p = &schedule->places[place];

        for (size_t i = p->n_active; i > 0; i--)
                if (get_instance(schedule, p->active[i - 1])->context == context)
                        return p->active[i - 1];
        return 0;
}

/* The instance of a context that holds at a place; 0: none */
static uint32_t find_instance(const Schedule *schedule, unsigned place, uint32_t context) {
        if (context == CONTEXT_NONE)
                return 0;
        return is_shared(schedule, context) ? schedule->nodes[context].instance :
                                              place_find_active(schedule, place, context);
}

static int instance_new(Schedule *schedule, unsigned place, uint32_t context, uint32_t *ret) {
        uint32_t parent = find_instance(schedule, place, get_parent(schedule, context));
        Instance *grown = reallocarray(
                        schedule->instances, schedule->n_instances + 1, sizeof(Instance));
        int r;

        if (!grown)
                return -ENOMEM;
        schedule->instances = grown;
        r = list_append(&schedule->places[place].active,
                        &schedule->places[place].n_active,
                        (uint32_t)schedule->n_instances + 1);
        if (r < 0)
                return r;
        grown[schedule->n_instances++] = (Instance){
                .context = context,
                .parent = parent,
                .state = INSTANCE_UP,
                .place = place,
        };
        if (parent != 0)
                get_instance(schedule, parent)->n_children++;
        if (is_shared(schedule, context))
                schedule->nodes[context].instance = (uint32_t)schedule->n_instances;
        schedule->n_alive++;
        *ret = (uint32_t)schedule->n_instances;
        return 0;
}

static void instance_drop(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);
        Node *node = &schedule->nodes[instance->context];

        assert(instance->state != INSTANCE_GONE);
        assert(instance->n_children == 0);
        if (instance->place != NO_PLACE)
                list_remove(schedule->places[instance->place].active,
                            &schedule->places[instance->place].n_active,
                            number);
        else {
                list_remove(schedule->orphans, &schedule->n_orphans, number);
                if (node->unit != CONTEXT_NONE)
                        schedule->nodes[node->unit].n_orphans--;
        }
        if (instance->parent != 0)
                get_instance(schedule, instance->parent)->n_children--;
        if (node->instance == number)
                node->instance = 0;
        instance->state = INSTANCE_GONE;
        instance->exports = strv_free(instance->exports);
        schedule->n_alive--;
}

/* Where one was set up, what the set-up has left running is ended with the tear-down, be there a command or not. */
static bool instance_needs_tear_down(const Schedule *schedule, const Instance *instance) {
        const Context *context = get_context(schedule, instance->context);

        return context->tear_down || (instance->place != NO_PLACE && context->set_up);
}

static bool instance_is_due(const Schedule *schedule, const Instance *instance) {
        if ((instance->state != INSTANCE_UP && instance->state != INSTANCE_FAILED) ||
            instance->n_children > 0)
                return false;
        if (instance->state == INSTANCE_FAILED || schedule->nodes[instance->context].n_undone == 0)
                return true;
        if (instance->place == NO_PLACE)
                return !is_shared(schedule, instance->context);
        return schedule->places[instance->place].closing;
}

/* ---- Which bucket ---- */

/* The first test of a bucket that waits; only if there is one. */
static uint32_t bucket_get_head(const Schedule *schedule, Bucket *bucket) {
        while (schedule->states[bucket->order[bucket->cursor]] != TEST_WAITING) {
                bucket->cursor++;
                assert(bucket->cursor < bucket->n);
        }
        return bucket->order[bucket->cursor];
}

static bool bucket_is_unit(const Schedule *schedule, uint32_t number) {
        return number != 0 && schedule->nodes[number].unit == number;
}

/* The outermost shared context around a bucket that is not up; CONTEXT_NONE: they all are. */
static uint32_t bucket_find_missing(const Schedule *schedule, uint32_t number) {
        uint32_t missing = CONTEXT_NONE;

        for (uint32_t at = number; at != CONTEXT_NONE; at = get_parent(schedule, at)) {
                uint32_t instance = schedule->nodes[at].instance;

                if (is_shared(schedule, at) &&
                    (instance == 0 || get_instance(schedule, instance)->state != INSTANCE_UP))
                        missing = at;
        }
        return missing;
}

static bool bucket_is_takeable(const Schedule *schedule, uint32_t number) {
        if (schedule->buckets[number].n_waiting == 0)
                return false;
        return !bucket_is_unit(schedule, number) ||
                        (schedule->nodes[number].taken == NO_PLACE &&
                         schedule->nodes[number].n_orphans == 0);
}

typedef struct Candidate {
        uint32_t bucket;
        int priority;
        bool exclusive;
        bool foreign; /* the place would have to set up for it */
        uint32_t first;
        bool any;
} Candidate;

static Candidate candidate_make(const Schedule *schedule, uint32_t number, unsigned place) {
        Bucket *bucket = &schedule->buckets[number];
        Candidate candidate = {
                .bucket = number,
                .any = true,
                .priority = bucket->priority,
                .exclusive = bucket->exclusive,
                .first = bucket->first,
        };

        if (!bucket_is_unit(schedule, number)) {
                candidate.first = bucket_get_head(schedule, bucket);
                candidate.priority = schedule->suite->tests[candidate.first]->priority;
                if (bucket->exclusive)
                        candidate.exclusive = test_is_exclusive(schedule, candidate.first);
        }
        candidate.foreign = number != 0 && place != NO_PLACE &&
                        find_instance(schedule, place, number) == 0;
        return candidate;
}

static bool candidate_is_better(const Candidate *a, const Candidate *b) {
        if (!b->any || !a->any)
                return a->any;
        if (a->priority != b->priority)
                return a->priority > b->priority;
        if (a->exclusive != b->exclusive)
                return b->exclusive;
        if (a->foreign != b->foreign)
                return b->foreign;
        return a->first < b->first;
}

/* The best bucket for a place; and the shared context that keeps a better one from it by not being set up. */
static Candidate schedule_pick_now(Schedule *schedule, unsigned place, uint32_t *ret_missing) {
        Candidate best = {}, blocked = {};
        uint32_t missing = CONTEXT_NONE;

        for (uint32_t i = 0; i <= schedule->suite->n_contexts; i++) {
                Candidate candidate;
                uint32_t lacks;

                if (!bucket_is_takeable(schedule, i))
                        continue;
                candidate = candidate_make(schedule, i, place);
                lacks = bucket_find_missing(schedule, i);
                if (lacks == CONTEXT_NONE) {
                        if (candidate_is_better(&candidate, &best))
                                best = candidate;
                        continue;
                }
                candidate.foreign = false;
                if (candidate_is_better(&candidate, &blocked)) {
                        blocked = candidate;
                        missing = lacks;
                }
        }
        *ret_missing = candidate_is_better(&blocked, &best) ? missing : CONTEXT_NONE;
        return best;
}

/* What keeps the best bucket from a place is wanted; where there is no command for its set-up, it is up with that. */
static Candidate schedule_pick(Schedule *schedule, unsigned place) {
        for (;;) {
                uint32_t missing, instance;
                Candidate best = schedule_pick_now(schedule, place, &missing);
                Node *node = &schedule->nodes[missing];

                if (missing == CONTEXT_NONE)
                        return best;
                node->wanted = true;
                if (get_context(schedule, missing)->set_up || node->instance != 0 || node->failed ||
                    instance_new(schedule, node->place, missing, &instance) < 0)
                        return best;
        }
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
        schedule->places[place].fixture = number;
        schedule->n_fixtures++;
        *ret = (ScheduleStep){ .action = action, .instance = number, .context = instance->context };
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
                instance_drop(schedule, number);
        }
        if (place >= schedule->n_slots || p->closing)
                return;
        for (size_t i = 0; i < schedule->n_orphans;) {
                uint32_t number = schedule->orphans[i];
                const Instance *instance = get_instance(schedule, number);

                if (!instance_is_due(schedule, instance))
                        i++;
                else if (!instance_needs_tear_down(schedule, instance))
                        instance_drop(schedule, number);
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

static void give_tests(
                Schedule *schedule,
                unsigned place,
                uint32_t bucket_number,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        Bucket *bucket = &schedule->buckets[bucket_number];
        const PackedTest *first = schedule->suite->tests[bucket_get_head(schedule, bucket)];
        bool unit = bucket_is_unit(schedule, bucket_number), exclusive = false;
        size_t n = 0;

        while (n < max && bucket->n_waiting > 0 && !exclusive) {
                uint32_t test = bucket_get_head(schedule, bucket);
                const PackedTest *t = schedule->suite->tests[test];

                if (unit ? t->traits->context != first->traits->context :
                           t->priority != first->priority)
                        break;
                if (!unit && bucket->exclusive && test_is_exclusive(schedule, test)) {
                        if (n > 0)
                                break;
                        exclusive = true;
                        schedule->exclusive_place = place;
                }
                schedule->states[test] = TEST_GIVEN;
                schedule->place_of[test] = place;
                bucket->n_waiting--;
                tests[n++] = test;
        }
        schedule->n_waiting -= n;
        schedule->n_given += n;
        schedule->places[place].n_tests += n;
        *ret = (ScheduleStep){ .action = SCHEDULE_TESTS,
                               .n_tests = n,
                               .context = first->traits->context };
}

/* The next thing on the way to the first test of a bucket: a set-up, or the tests. */
static int step_bucket(
                Schedule *schedule,
                unsigned place,
                uint32_t number,
                uint32_t *tests,
                size_t max,
                ScheduleStep *ret) {
        uint32_t test = bucket_get_head(schedule, &schedule->buckets[number]);
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
        give_tests(schedule, place, number, tests, max, ret);
        return 0;
}

/* True while the place is at its unit. */
static bool place_keeps_unit(Schedule *schedule, unsigned place) {
        Place *p = &schedule->places[place];

        if (p->unit == CONTEXT_NONE)
                return false;
        if (schedule->nodes[p->unit].n_undone > 0 ||
            place_find_active(schedule, place, p->unit) != 0)
                return true;
        schedule->nodes[p->unit].taken = NO_PLACE;
        p->unit = CONTEXT_NONE;
        if (schedule->exclusive_place == place)
                schedule->exclusive_place = NO_PLACE;
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

unsigned schedule_get_n_places(const Schedule *schedule) {
        return schedule->n_places;
}

uint32_t schedule_get_shared(const Schedule *schedule, unsigned place) {
        for (uint32_t i = 1; place >= schedule->n_slots && i <= schedule->suite->n_contexts; i++)
                if (schedule->nodes[i].place == place)
                        return i;
        return CONTEXT_NONE;
}

size_t schedule_count_startable(Schedule *schedule, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < schedule->n_orphans; i++)
                n += instance_is_due(schedule, get_instance(schedule, schedule->orphans[i]));
        (void)schedule_pick(schedule, NO_PLACE);
        for (uint32_t i = 0; i <= schedule->suite->n_contexts && n < max; i++)
                if (bucket_is_takeable(schedule, i) &&
                    bucket_find_missing(schedule, i) == CONTEXT_NONE)
                        n += bucket_is_unit(schedule, i) ? 1 : schedule->buckets[i].n_waiting;
        return MIN(n, max);
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

int schedule_list_waiting(
                const Schedule *schedule, uint32_t context, uint32_t **ret, size_t *ret_n) {
        const Suite *suite = schedule->suite;
        uint32_t *tests = calloc(MAX(schedule->n_waiting, 1U), sizeof(uint32_t));
        size_t n = 0;

        if (!tests)
                return -ENOMEM;
        for (size_t i = 0; i < suite->n_tests && n < schedule->n_waiting; i++)
                if (schedule->states[i] == TEST_WAITING &&
                    (context == CONTEXT_NONE ||
                     contexts_is_within(
                                     suite->contexts, suite->tests[i]->traits->context, context)))
                        tests[n++] = (uint32_t)i;
        *ret = tests;
        *ret_n = n;
        return 0;
}

bool schedule_is_needed(const Schedule *schedule, uint32_t shared_context) {
        const Node *node = &schedule->nodes[shared_context];

        return node->n_undone > 0 && node->instance != 0 &&
                        get_instance(schedule, node->instance)->state == INSTANCE_UP;
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
                schedule->buckets[get_bucket(schedule, test)].n_waiting--;
        }
        schedule->states[test] = TEST_DONE;
        for (; context != CONTEXT_NONE; context = get_parent(schedule, context))
                schedule->nodes[context].n_undone--;
}

void schedule_on_returned(Schedule *schedule, uint32_t test) {
        Bucket *bucket = &schedule->buckets[get_bucket(schedule, test)];

        assert(schedule->states[test] == TEST_GIVEN);
        schedule_take_back(schedule, test);
        schedule->states[test] = TEST_WAITING;
        schedule->n_waiting++;
        bucket->n_waiting++;
        bucket->cursor = MIN(bucket->cursor, schedule->position[test]);
}

/* The place that is at an instance's fixture: not its own, for an orphan. */
static void schedule_end_fixture(Schedule *schedule, uint32_t instance) {
        for (unsigned i = 0; i < schedule->n_places; i++)
                if (schedule->places[i].fixture == instance) {
                        schedule->places[i].fixture = 0;
                        schedule->n_fixtures--;
                        return;
                }
}

void schedule_on_set_up(Schedule *schedule, uint32_t number, ScheduleSetUp how, char **exports) {
        Instance *instance = get_instance(schedule, number);

        assert(instance->state == INSTANCE_SETTING_UP);
        schedule_end_fixture(schedule, number);
        instance->exports = exports;
        instance->state = how == SCHEDULE_SET_UP_GOOD ? INSTANCE_UP : INSTANCE_FAILED;
        instance->failed = how != SCHEDULE_SET_UP_GOOD;
        schedule->nodes[instance->context].failed |= instance->failed;
        if (how == SCHEDULE_SET_UP_SKIPPED)
                instance_drop(schedule, number);
}

void schedule_on_torn_down(Schedule *schedule, uint32_t instance) {
        assert(get_instance(schedule, instance)->state == INSTANCE_TEARING_DOWN);
        schedule_end_fixture(schedule, instance);
        instance_drop(schedule, instance);
}

void schedule_on_fixture_returned(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);

        schedule_end_fixture(schedule, number);
        if (instance->state == INSTANCE_SETTING_UP)
                instance_drop(schedule, number);
        else
                instance->state = instance->failed ? INSTANCE_FAILED : INSTANCE_UP;
}

static void instance_orphan(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);
        Node *node = &schedule->nodes[instance->context];

        instance->place = NO_PLACE;
        if (node->unit != CONTEXT_NONE)
                schedule->nodes[node->unit].n_orphans++;
        if (is_shared(schedule, instance->context))
                node->failed = true;
        /* Without memory it is dropped as one that nobody can tear down would be. */
        if (list_append(&schedule->orphans, &schedule->n_orphans, number) < 0 ||
            (!instance_needs_tear_down(schedule, instance) && instance->n_children == 0))
                instance_drop(schedule, number);
}

void schedule_on_gone(Schedule *schedule, unsigned place) {
        Place *p = &schedule->places[place];
        size_t n = p->n_active;

        assert(p->n_tests == 0 && p->fixture == 0);
        p->n_active = 0;
        for (size_t i = n; i > 0; i--)
                instance_orphan(schedule, p->active[i - 1]);
        if (p->unit != CONTEXT_NONE)
                schedule->nodes[p->unit].taken = NO_PLACE;
        p->unit = CONTEXT_NONE;
        p->closing = false;
        if (schedule->exclusive_place == place)
                schedule->exclusive_place = NO_PLACE;
}

void schedule_close(Schedule *schedule, unsigned place) {
        schedule->places[place].closing = true;
}

uint32_t schedule_drop_instance(Schedule *schedule) {
        for (size_t i = schedule->n_instances; i > 0; i--)
                if (schedule->instances[i - 1].state != INSTANCE_GONE) {
                        schedule->instances[i - 1].n_children = 0;
                        instance_drop(schedule, (uint32_t)i);
                        return (uint32_t)i;
                }
        return 0;
}

/* ---- Exports ---- */

uint32_t schedule_get_context(const Schedule *schedule, uint32_t instance) {
        return get_instance(schedule, instance)->context;
}

int schedule_get_exports(const Schedule *schedule, uint32_t instance, char ***ret) {
        _cleanup_strv_ char **exports = NULL;
        const Instance *i;
        int r;

        if (instance == 0) {
                *ret = NULL;
                return 0;
        }
        i = get_instance(schedule, instance);
        r = schedule_get_exports(schedule, i->parent, &exports);
        if (r >= 0)
                r = strv_extend_strv(&exports, i->exports);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(exports);
        return 0;
}

int schedule_get_test_exports(
                const Schedule *schedule, uint32_t test, unsigned place, char ***ret) {
        return schedule_get_exports(
                        schedule,
                        find_instance(schedule,
                                      place,
                                      schedule->suite->tests[test]->traits->context),
                        ret);
}
