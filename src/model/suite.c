/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/suite.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "model/pattern.h"

int suite_new(const char *name, Suite **ret) {
        _cleanup_(suite_freep) Suite *suite = calloc(1, sizeof(Suite));
        int r;

        if (!suite)
                return -ENOMEM;

        suite->name = strdup(name);
        if (!suite->name)
                return -ENOMEM;
        r = test_store_new(&suite->store);
        if (r < 0)
                return r;
        suite->settings = (SuiteSettings){
                .run_timeout_usec = USEC_INFINITY,
                .stop_usec = SUITE_STOP_DEFAULT,
                .timeout_multiplier = 1.0,
                .worker_memory_max = SIZE_INFINITY,
                .worker_tasks_max = UINT64_MAX,
                .recycle_memory = SIZE_INFINITY,
        };

        *ret = TAKE_PTR(suite);
        return 0;
}

Suite *suite_free(Suite *suite) {
        if (!suite)
                return NULL;

        test_store_free(suite->store);
        free(suite->tests);
        for (size_t i = 0; i < suite->n_contexts; i++)
                context_free(suite->contexts[i]);
        free(suite->contexts);
        free(suite->templates);
        free(suite->settings.worker_user);
        free(suite->settings.worker_set_up);
        free(suite->name);
        free(suite->description);
        free(suite->path);
        free(suite);
        return NULL;
}

int suite_add(Suite *suite, Test *test) {
        _cleanup_(test_freep) Test *owned = test;
        int r;

        if (suite->n_tests >= SUITE_TESTS_MAX)
                return -E2BIG;
        if (suite->n_tests == suite->n_allocated) {
                size_t n = MAX(suite->n_allocated * 2, (size_t)16);
                PackedTest **larger = reallocarray(suite->tests, n, sizeof(PackedTest *));

                if (!larger)
                        return -ENOMEM;
                suite->tests = larger;
                suite->n_allocated = n;
        }
        r = test_store_add(suite->store, owned, &suite->tests[suite->n_tests]);
        if (r < 0)
                return r;
        suite->n_tests++;
        return 0;
}

int suite_add_template(Suite *suite, Test *test) {
        _cleanup_(test_freep) Test *owned = test;
        PackedTest **larger;
        int r;

        if (suite->n_templates >= SUITE_TESTS_MAX)
                return -E2BIG;
        larger = reallocarray(suite->templates, suite->n_templates + 1, sizeof(PackedTest *));
        if (!larger)
                return -ENOMEM;
        suite->templates = larger;
        r = test_store_add(suite->store, owned, &suite->templates[suite->n_templates]);
        if (r < 0)
                return r;
        suite->n_templates++;
        return 0;
}

const PackedTest *suite_find_template(const Suite *suite, const char *address) {
        for (size_t i = 0; i < suite->n_templates; i++) {
                const char *name = suite->templates[i]->address;
                size_t n = strlen(name);

                if (strncmp(address, name, n) == 0 && address[n] == '[')
                        return suite->templates[i];
        }
        return NULL;
}

int suite_replace(Suite *suite, size_t i, const Test *test) {
        assert(i < suite->n_tests);

        return test_store_replace(suite->store, test, &suite->tests[i]);
}

void suite_truncate(Suite *suite, size_t n) {
        assert(n <= suite->n_tests);

        suite->n_tests = n;
        if (n > 0)
                return;
        suite->n_templates = 0;

        TestStore *store;

        /* Without memory for an empty store the old one does as well. */
        if (test_store_new(&store) < 0)
                return;
        test_store_free(suite->store);
        suite->store = store;
}

static void tests_reverse(PackedTest **tests, size_t n) {
        for (size_t i = 0; i < n / 2; i++) {
                PackedTest *test = tests[i];

                tests[i] = tests[n - 1 - i];
                tests[n - 1 - i] = test;
        }
}

void suite_rotate(Suite *suite, size_t n) {
        assert(n <= suite->n_tests);

        tests_reverse(suite->tests, n);
        tests_reverse(suite->tests + n, suite->n_tests - n);
        tests_reverse(suite->tests, suite->n_tests);
}

int suite_add_context(Suite *suite, Context *context) {
        _cleanup_(context_freep) Context *owned = context;
        Context **larger;

        if (suite->n_contexts >= SUITE_CONTEXTS_MAX)
                return -E2BIG;
        larger = reallocarray(suite->contexts, suite->n_contexts + 1, sizeof(Context *));
        if (!larger)
                return -ENOMEM;
        suite->contexts = larger;
        suite->contexts[suite->n_contexts++] = TAKE_PTR(owned);
        return 0;
}

/*
 * An open table of test numbers (from 1; 0 is an empty place) with uthash's hash function. uthash's own
 * table would take 70 bytes a test, more than the rest of the coordinator has for one.
 */
typedef struct AddressTable {
        uint32_t *places;
        size_t mask;
} AddressTable;

static void address_table_done(AddressTable *table) {
        free(table->places);
}

/* Less than half of the places are ever taken, so that there is always an empty one to end at. */
static int address_table_init(AddressTable *table, size_t n) {
        size_t n_places = 16;

        while (n_places < n * 2)
                n_places *= 2;
        table->mask = n_places - 1;
        table->places = calloc(n_places, sizeof(uint32_t));
        return table->places ? 0 : -ENOMEM;
}

/* The place of this address, or the empty one where it is to go. */
static uint32_t *address_table_find(
                const AddressTable *table, const Suite *suite, const char *address) {
        unsigned hash;

        HASH_JEN(address, strlen(address), hash);
        for (size_t i = hash;; i++) {
                uint32_t *place = &table->places[i & table->mask];

                if (*place == 0 || strcmp(suite->tests[*place - 1]->address, address) == 0)
                        return place;
        }
}

int suite_find_duplicate(
                const Suite *suite, const PackedTest **ret_first, const PackedTest **ret_second) {
        _cleanup_(address_table_done) AddressTable table = {};
        int r = address_table_init(&table, suite->n_tests);

        if (r < 0)
                return r;

        for (size_t i = 0; i < suite->n_tests; i++) {
                uint32_t *place = address_table_find(&table, suite, suite->tests[i]->address);

                if (*place != 0) {
                        *ret_first = suite->tests[*place - 1];
                        *ret_second = suite->tests[i];
                        return 1;
                }
                *place = (uint32_t)i + 1;
        }
        return 0;
}

void suite_select(Suite *suite, char *const *patterns) {
        size_t n = 0;

        for (size_t i = 0; i < suite->n_tests; i++)
                if (pattern_selects(patterns, suite->tests[i]->address))
                        suite->tests[n++] = suite->tests[i];
        suite_truncate(suite, n);
}
