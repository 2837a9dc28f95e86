/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/shard.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"

/* The outermost whole or shared context around a test; CONTEXT_NONE: it is by itself. */
static uint32_t test_find_keeper(const Suite *suite, const PackedTest *test) {
        uint32_t keeper = CONTEXT_NONE;

        for (uint32_t at = test->traits->context; at != CONTEXT_NONE;
             at = suite->contexts[at - 1]->parent)
                if (suite->contexts[at - 1]->mode != CONTEXT_SPLIT)
                        keeper = at;
        return keeper;
}

static uint64_t context_hash(const Suite *suite, uint32_t number) {
        uint64_t hash = HASH_SEED;

        for (uint32_t at = number; at != CONTEXT_NONE; at = suite->contexts[at - 1]->parent)
                hash = hash_string(hash, suite->contexts[at - 1]->name);
        return hash_finish(hash);
}

static void suite_keep(Suite *suite, const bool *keep) {
        size_t n = 0;

        for (size_t i = 0; i < suite->n_tests; i++)
                if (keep[i])
                        suite->tests[n++] = suite->tests[i];
        suite_truncate(suite, n);
}

bool suite_shard_has(const Suite *suite, size_t test, unsigned i, unsigned n) {
        const PackedTest *packed = suite->tests[test];
        uint32_t keeper = test_find_keeper(suite, packed);
        uint64_t hash = keeper != CONTEXT_NONE ?
                        context_hash(suite, keeper) :
                        hash_finish(hash_string(HASH_SEED, packed->address));

        assert(n > 0 && i > 0 && i <= n);

        return hash % n == i - 1;
}

int suite_keep_shard(Suite *suite, unsigned i, unsigned n) {
        _cleanup_free_ bool *keep = calloc(MAX(suite->n_tests, 1U), sizeof(bool));

        if (!keep)
                return -ENOMEM;
        for (size_t t = 0; t < suite->n_tests; t++)
                keep[t] = suite_shard_has(suite, t, i, n);
        suite_keep(suite, keep);
        return 0;
}

/* ---- By time ---- */

/* What stays together: a test, or those of a context. */
typedef struct Group {
        const char *name; /* of its first test, which no other group has */
        uint64_t usec;
        size_t n_unknown;
        unsigned shard; /* from 0 */
} Group;

/* The longest first; the rest of the order only has to be the same everywhere. */
static int group_compare(const void *a, const void *b) {
        const Group *x = *(Group *const *)a, *y = *(Group *const *)b;

        if (x->usec != y->usec)
                return x->usec > y->usec ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* Which group each test is in; groups of contexts come first, by their number. */
static void suite_group(
                const Suite *suite, const uint64_t *durations, Group *groups, size_t *group_of) {
        uint64_t known = 0;
        size_t n_known = 0;

        for (size_t t = 0; t < suite->n_tests; t++) {
                uint32_t keeper = test_find_keeper(suite, suite->tests[t]);
                size_t at = keeper != CONTEXT_NONE ? keeper - 1 : suite->n_contexts + t;
                const char *address = suite->tests[t]->address;
                Group *group = &groups[at];

                group_of[t] = at;
                /* Whatever the order of the suite is. */
                if (!group->name || strcmp(address, group->name) < 0)
                        group->name = address;
                if (durations[t] == USEC_INFINITY) {
                        group->n_unknown++;
                        continue;
                }
                group->usec = usec_add(group->usec, durations[t]);
                known = usec_add(known, durations[t]);
                n_known++;
        }
        /* One that takes no time would be put where most is already. */
        for (size_t g = 0; g < suite->n_contexts + suite->n_tests; g++)
                groups[g].usec = MAX(
                                usec_add(groups[g].usec,
                                         groups[g].n_unknown * (n_known > 0 ? known / n_known : 1)),
                                1U);
}

/* Each to the part that has the least so far. */
static int groups_spread(Group *groups, size_t n_groups, unsigned n) {
        _cleanup_free_ Group **order = calloc(MAX(n_groups, 1U), sizeof(Group *));
        _cleanup_free_ uint64_t *loads = calloc(n, sizeof(uint64_t));
        size_t n_order = 0;

        if (!order || !loads)
                return -ENOMEM;
        for (size_t g = 0; g < n_groups; g++)
                if (groups[g].name)
                        order[n_order++] = &groups[g];
        qsort(order, n_order, sizeof(Group *), group_compare);
        for (size_t g = 0; g < n_order; g++) {
                unsigned least = 0;

                for (unsigned s = 1; s < n; s++)
                        if (loads[s] < loads[least])
                                least = s;
                order[g]->shard = least;
                loads[least] = usec_add(loads[least], order[g]->usec);
        }
        return 0;
}

int suite_keep_shard_by_duration(Suite *suite, unsigned i, unsigned n, const uint64_t *durations) {
        size_t n_groups = suite->n_contexts + suite->n_tests;
        _cleanup_free_ Group *groups = calloc(MAX(n_groups, 1U), sizeof(Group));
        _cleanup_free_ size_t *group_of = calloc(MAX(suite->n_tests, 1U), sizeof(size_t));
        _cleanup_free_ bool *keep = calloc(MAX(suite->n_tests, 1U), sizeof(bool));
        int r;

        assert(n > 0 && i > 0 && i <= n);

        if (!groups || !group_of || !keep)
                return -ENOMEM;
        suite_group(suite, durations, groups, group_of);
        r = groups_spread(groups, n_groups, n);
        if (r < 0)
                return r;
        for (size_t t = 0; t < suite->n_tests; t++)
                keep[t] = groups[group_of[t]].shard == i - 1;
        suite_keep(suite, keep);
        return 0;
}
