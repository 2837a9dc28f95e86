/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/suite.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "model/address-table.h"
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
                .keep_runs = {KEEP_RUNS_COUNT_DEFAULT, KEEP_RUNS_SIZE_DEFAULT},
                .worker_memory_max = SIZE_INFINITY,
                .worker_tasks_max = UINT64_MAX,
                .recycle_memory = SIZE_INFINITY,
                .slice_memory_max = SIZE_INFINITY,
                .worker_cpu_weight = SUITE_WEIGHT_DEFAULT,
                .worker_io_weight = SUITE_WEIGHT_DEFAULT,
                .worker_oom_score = SUITE_OOM_SCORE_DEFAULT,
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
        strv_free(suite->excluded);
        free(suite->settings.worker_user);
        free(suite->settings.worker_user_place);
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
        r = array_reserve(suite->tests, suite->n_allocated, suite->n_tests + 1);
        if (r < 0)
                return r;
        r = test_store_add(suite->store, owned, &suite->tests[suite->n_tests]);
        if (r < 0)
                return r;
        suite->n_tests++;
        return 0;
}

int suite_add_template(Suite *suite, Test *test) {
        _cleanup_(test_freep) Test *owned = test;
        int r;

        if (suite->n_templates >= SUITE_TESTS_MAX)
                return -E2BIG;
        r = array_fit(suite->templates, suite->n_templates + 1);
        if (r < 0)
                return r;
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

bool suite_may_grow(const Suite *suite) {
        for (size_t i = 0; i < suite->n_tests; i++)
                if (suite->tests[i]->traits->finds)
                        return true;
        return suite->n_templates > 0;
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

        if (suite->n_contexts >= SUITE_CONTEXTS_MAX)
                return -E2BIG;
        if (array_fit(suite->contexts, suite->n_contexts + 1) < 0)
                return -ENOMEM;
        suite->contexts[suite->n_contexts++] = TAKE_PTR(owned);
        return 0;
}

int suite_find_duplicate(
                const Suite *suite, const PackedTest **ret_first, const PackedTest **ret_second) {
        _cleanup_(address_table_done) AddressTable table = {};
        uint32_t first = 0;
        int r;

        r = address_table_init(&table, suite->n_tests);
        for (size_t i = 0; r == 0 && i < suite->n_tests; i++) {
                r = address_table_add(&table, suite, (uint32_t)i, &first);
                if (r > 0) {
                        *ret_first = suite->tests[first];
                        *ret_second = suite->tests[i];
                }
        }
        return r;
}

int suite_select(Suite *suite, char *const *patterns) {
        size_t n = 0;
        int r = 0;

        strv_for_each(pattern, patterns)
                if (r >= 0 && **pattern == '!')
                        r = strv_extend(&suite->excluded, *pattern);
        if (r < 0)
                return r;
        for (size_t i = 0; i < suite->n_tests; i++)
                if (pattern_selects(patterns, suite->tests[i]->address))
                        suite->tests[n++] = suite->tests[i];
        suite_truncate(suite, n);
        return 0;
}
