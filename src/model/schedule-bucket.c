/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests stand in buckets: one for those of no context, one for each whole context that is in no other whole
 * one (a unit), one for each other context. In a bucket they are in their order, and which of them wait is seen
 * from their state: a cursor stands at or before the first one that waits. Which bucket is next depends on the
 * place that asks; with no contexts there is only one.
 */

#include "model/schedule-internal.h"

#include <errno.h>
#include <string.h>

#include "basic/array.h"

/* ---- The order of tests ---- */

uint32_t schedule_get_bucket(const Schedule *schedule, uint32_t test) {
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

bool schedule_test_is_exclusive(const Schedule *schedule, uint32_t test) {
        uint32_t context = schedule->suite->tests[test]->traits->context;
        bool exclusive = schedule->suite->tests[test]->exclusive;

        for (; context != CONTEXT_NONE; context = get_parent(schedule, context))
                exclusive |= get_context(schedule, context)->exclusive;
        return exclusive;
}

static OrderKey order_key_make(const Schedule *schedule, uint32_t test) {
        return (OrderKey){
                .bucket = schedule_get_bucket(schedule, test),
                .test = test,
                .priority = schedule->suite->tests[test]->priority,
                .exclusive = schedule_test_is_exclusive(schedule, test),
        };
}

/* One more that waits, with what it makes of its bucket as a whole. */
static void bucket_count(Bucket *bucket, const OrderKey *key) {
        if (bucket->n == 0) {
                bucket->priority = key->priority;
                bucket->first = key->test;
        }
        bucket->priority = MAX(bucket->priority, key->priority);
        bucket->exclusive |= key->exclusive;
        bucket->first = MIN(bucket->first, key->test);
        bucket->n++;
        bucket->n_waiting++;
}

int schedule_fill_buckets(Schedule *schedule) {
        size_t n = schedule->n_tests;
        _cleanup_free_ OrderKey *keys = calloc(MAX(n, 1U), sizeof(*keys));

        if (!keys)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                keys[i] = order_key_make(schedule, (uint32_t)i);
        qsort_r(keys, n, sizeof(*keys), order_key_compare, schedule);
        for (size_t i = 0; i < n; i++) {
                Bucket *bucket = &schedule->buckets[keys[i].bucket];

                if (bucket->n == 0)
                        bucket->order = schedule->order + i;
                schedule->order[i] = keys[i].test;
                schedule->position[keys[i].test] = (uint32_t)bucket->n;
                bucket_count(bucket, &keys[i]);
        }
        schedule->n_waiting = n;
        return 0;
}

/* ---- A test that comes later ---- */

static int schedule_reserve(Schedule *schedule, size_t n) {
        /* What is noted is what all three have, also when there is no memory for the last. */
        size_t n_position = schedule->n_allocated, n_place_of = n_position, n_states = n_position;

        if (array_reserve(schedule->position, n_position, n) < 0 ||
            array_reserve(schedule->place_of, n_place_of, n) < 0 ||
            array_reserve(schedule->states, n_states, n) < 0)
                return -ENOMEM;
        schedule->n_allocated = n_states;
        return 0;
}

/* A bucket that grows gets an order of its own. */
static int bucket_reserve(Bucket *bucket) {
        bool owned = bucket->n_allocated > 0;
        size_t n = MAX(bucket->n * 2, (size_t)16);
        uint32_t *order;

        if (owned && bucket->n < bucket->n_allocated)
                return 0;
        order = reallocarray(owned ? bucket->order : NULL, n, sizeof(uint32_t));
        if (!order)
                return -ENOMEM;
        if (!owned && bucket->n > 0)
                memcpy(order, bucket->order, bucket->n * sizeof(uint32_t));
        bucket->order = order;
        bucket->n_allocated = n;
        return 0;
}

/*
 * Where it belongs, from the end, which it mostly is. Before the cursor there is nothing that waits. In a
 * unit a test that comes behind it was not given yet: what is nested is left before.
 */
static void bucket_insert(Schedule *schedule, Bucket *bucket, const OrderKey *key) {
        size_t at = bucket->n;

        while (at > bucket->cursor) {
                uint32_t before = bucket->order[at - 1];
                OrderKey other = order_key_make(schedule, before);

                if (order_key_compare(&other, key, schedule) < 0)
                        break;
                bucket->order[at] = before;
                schedule->position[before] = (uint32_t)at--;
        }
        bucket->order[at] = key->test;
        schedule->position[key->test] = (uint32_t)at;
        bucket_count(bucket, key);
}

int schedule_add(Schedule *schedule) {
        uint32_t test = (uint32_t)schedule->n_tests;
        Bucket *bucket;
        OrderKey key;
        int r;

        assert(schedule->n_tests < schedule->suite->n_tests);

        key = order_key_make(schedule, test);
        bucket = &schedule->buckets[key.bucket];
        r = schedule_reserve(schedule, schedule->n_tests + 1);
        if (r >= 0)
                r = bucket_reserve(bucket);
        if (r < 0)
                return r;
        schedule->states[test] = TEST_WAITING;
        schedule->n_tests++;
        schedule->n_waiting++;
        for (uint32_t at = schedule->suite->tests[test]->traits->context; at != CONTEXT_NONE;
             at = get_parent(schedule, at)) {
                schedule->nodes[at].n_undone++;
                schedule->nodes[at].first = MIN(schedule->nodes[at].first, test);
        }
        bucket_insert(schedule, bucket, &key);
        return 0;
}

/* ---- A test that is given once more ---- */

/*
 * It stands in the order a second time. Its first place is before the cursor, or comes to be that: there it is not taken
 * for one that waits, as the other one is its position.
 */
void bucket_move_behind(Schedule *schedule, Bucket *bucket, uint32_t test) {
        assert(schedule->states[test] != TEST_WAITING);

        if (schedule->position[test] + 1 == bucket->n || bucket_reserve(bucket) < 0)
                return;
        if (bucket->late == 0)
                bucket->late = bucket->n;
        bucket->order[bucket->n] = test;
        schedule->position[test] = (uint32_t)bucket->n++;
}

/* ---- Which bucket ---- */

/* The first test of a bucket that waits; only if there is one. */
uint32_t bucket_get_head(const Schedule *schedule, Bucket *bucket) {
        while (!bucket_waits_at(schedule, bucket, bucket->cursor)) {
                bucket->cursor++;
                assert(bucket->cursor < bucket->n);
        }
        return bucket->order[bucket->cursor];
}

/* The innermost context that is set up at a place and has tests without an outcome. */
static uint32_t place_get_unfinished(const Schedule *schedule, unsigned place) {
        const Place *p = &schedule->places[place];

        for (size_t i = p->n_active; i > 0; i--) {
                uint32_t context = get_instance(schedule, p->active[i - 1])->context;

                if (schedule->nodes[context].n_undone > 0)
                        return context;
        }
        return CONTEXT_NONE;
}

/*
 * What is nested is left when all of it is done: a test that was found in it while the place was at it is next,
 * wherever it stands.
 */
uint32_t unit_get_head(const Schedule *schedule, unsigned place, Bucket *bucket) {
        Context *const *contexts = schedule->suite->contexts;
        uint32_t head = bucket_get_head(schedule, bucket);
        uint32_t inside = place_get_unfinished(schedule, place);

        if (inside == CONTEXT_NONE)
                return head;
        for (size_t i = bucket->cursor; i < bucket->n; i++) {
                uint32_t test = bucket->order[i];

                if (bucket_waits_at(schedule, bucket, i) &&
                    contexts_is_within(
                                    contexts,
                                    schedule->suite->tests[test]->traits->context,
                                    inside))
                        return test;
        }
        return head;
}

bool bucket_is_unit(const Schedule *schedule, uint32_t number) {
        return number != 0 && schedule->nodes[number].unit == number;
}

/* The outermost shared context around a bucket that is not up; CONTEXT_NONE: they all are. */
uint32_t bucket_find_missing(const Schedule *schedule, uint32_t number) {
        uint32_t missing = CONTEXT_NONE;

        for (uint32_t at = number; at != CONTEXT_NONE; at = get_parent(schedule, at)) {
                uint32_t instance = schedule->nodes[at].instance;

                if (is_shared(schedule, at) &&
                    (instance == 0 || get_instance(schedule, instance)->state != INSTANCE_UP))
                        missing = at;
        }
        return missing;
}

/* Where each test that waits has a place that was set up for it, no further one is. */
static bool bucket_is_spoken_for(const Schedule *schedule, uint32_t number, unsigned place) {
        return number != 0 &&
                        schedule->buckets[number].n_waiting <= schedule->nodes[number].n_fresh &&
                        (place == NO_PLACE || schedule_find_instance(schedule, place, number) == 0);
}

static bool bucket_is_takeable(const Schedule *schedule, uint32_t number, unsigned place) {
        if (schedule->buckets[number].n_waiting == 0 ||
            bucket_is_spoken_for(schedule, number, place))
                return false;
        return !bucket_is_unit(schedule, number) ||
                        (schedule->nodes[number].taken == NO_PLACE &&
                         schedule->nodes[number].n_orphans == 0);
}

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
                        candidate.exclusive = schedule_test_is_exclusive(schedule, candidate.first);
                if (bucket->late > 0 && bucket->cursor >= bucket->late)
                        candidate.first = UINT32_MAX;
        }
        candidate.foreign = number != 0 && place != NO_PLACE &&
                        schedule_find_instance(schedule, place, number) == 0;
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

                if (!bucket_is_takeable(schedule, i, place))
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
Candidate schedule_pick(Schedule *schedule, unsigned place) {
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

/* ---- What waits ---- */

size_t schedule_count_startable(Schedule *schedule, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < schedule->n_orphans; i++)
                n += instance_is_due(schedule, get_instance(schedule, schedule->orphans[i]));
        (void)schedule_pick(schedule, NO_PLACE);
        for (uint32_t i = 0; i <= schedule->suite->n_contexts && n < max; i++)
                if (bucket_is_takeable(schedule, i, NO_PLACE) &&
                    bucket_find_missing(schedule, i) == CONTEXT_NONE)
                        n += bucket_is_unit(schedule, i) ? 1 : schedule->buckets[i].n_waiting;
        return MIN(n, max);
}

int schedule_list_waiting(
                const Schedule *schedule, uint32_t context, uint32_t **ret, size_t *ret_n) {
        const Suite *suite = schedule->suite;
        uint32_t *tests = calloc(MAX(schedule->n_waiting, 1U), sizeof(uint32_t));
        size_t n = 0;

        if (!tests)
                return -ENOMEM;
        for (size_t i = 0; i < schedule->n_tests && n < schedule->n_waiting; i++)
                if (schedule->states[i] == TEST_WAITING &&
                    (context == CONTEXT_NONE ||
                     contexts_is_within(
                                     suite->contexts, suite->tests[i]->traits->context, context)))
                        tests[n++] = (uint32_t)i;
        *ret = tests;
        *ret_n = n;
        return 0;
}
