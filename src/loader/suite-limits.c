/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limits of tests in suite files
 *
 * What [Match] sections say comes first, as with all keys; then a test's own section; then each context around it, the
 * innermost first; then [Suite]. What [Worker] says is of the worker, and stands above all.
 */

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/text.h"
#include "loader/suite-keys.h"

/* A million CPUs. */
#define CPU_PERCENT_MAX 1e8

/* The kernel counts pages, and has no room for less than one. */
#define MEMORY_MIN UINT64_C(4096)

int suite_parse_memory(const char *value, uint64_t *ret) {
        uint64_t size = SIZE_INFINITY;
        int r = *value ? parse_memory(value, &size) : 0;

        if (r < 0)
                return r;
        if (size < MEMORY_MIN)
                return -ERANGE;
        *ret = size;
        return 0;
}

int suite_parse_tasks(const char *value, uint64_t *ret) {
        uint64_t tasks = UINT64_MAX;
        int r = 0;

        if (*value && strcmp(value, "infinity") != 0)
                r = parse_uint64(value, &tasks);
        if (r < 0)
                return r;
        if (tasks == 0)
                return -ERANGE;
        *ret = tasks;
        return 0;
}

static int cpu_quota_set(const char *value, uint64_t *field) {
        _cleanup_free_ char *number = NULL;
        uint64_t usec = USEC_INFINITY;
        double percent;
        int r;

        if (*value && strcmp(value, "infinity") != 0) {
                if (!text_ends_with(value, "%"))
                        return -EINVAL;
                number = strndup(value, strlen(value) - 1);
                if (!number)
                        return -ENOMEM;
                r = parse_factor(number, &percent);
                if (r < 0)
                        return r;
                if (percent > CPU_PERCENT_MAX)
                        return -ERANGE;
                usec = (uint64_t)(percent * (double)USEC_PER_SEC / 100);
                if (usec == 0)
                        return -ERANGE;
        }
        *field = usec;
        return 0;
}

static int leaks_set(const char *value, uint16_t *field) {
        LeakPolicy policy = *value ? leak_policy_from_string(value) : LEAKS_MARK;

        if (policy < 0)
                return -EINVAL;
        *field = (uint16_t)policy;
        return 0;
}

static int stuck_set(const char *value, uint16_t *field) {
        StuckPolicy policy = *value ? stuck_policy_from_string(value) : STUCK_STACKS;

        if (policy < 0)
                return -EINVAL;
        *field = (uint16_t)policy;
        return 0;
}

static int leak_grace_set(const char *value, uint64_t *field) {
        uint64_t usec = TEST_LEAK_GRACE_DEFAULT;
        int r = *value ? parse_time(value, &usec) : 0;

        if (r < 0)
                return r;
        if (usec == USEC_INFINITY) /* a test would never end */
                return -ERANGE;
        *field = usec;
        return 0;
}

static int retries_set(const char *value, uint16_t *field) {
        unsigned n = 0;
        int r = *value ? parse_unsigned(value, TEST_RETRIES_MAX, &n) : 0;

        if (r < 0)
                return r;
        *field = (uint16_t)n;
        return 0;
}

static int flaky_set(const char *value, uint16_t *field) {
        FlakyPolicy policy = *value ? flaky_policy_from_string(value) : FLAKY_PASS;

        if (policy < 0)
                return -EINVAL;
        *field = (uint16_t)policy;
        return 0;
}

/* What was written, by its key: a bit, or a negative errno */
static int limits_set(TestLimits *limits, const char *key, const char *value) {
        if (strcmp(key, "MemoryMax") == 0)
                return suite_parse_memory(value, &limits->memory_max) ?: LIMITS_MEMORY_MAX;
        if (strcmp(key, "MemoryHigh") == 0)
                return suite_parse_memory(value, &limits->memory_high) ?: LIMITS_MEMORY_HIGH;
        if (strcmp(key, "TasksMax") == 0)
                return suite_parse_tasks(value, &limits->tasks_max) ?: LIMITS_TASKS_MAX;
        if (strcmp(key, "CPUQuota") == 0)
                return cpu_quota_set(value, &limits->cpu_quota_usec) ?: LIMITS_CPU_QUOTA;
        if (strcmp(key, "Leaks") == 0)
                return leaks_set(value, &limits->leaks) ?: LIMITS_LEAKS;
        if (strcmp(key, "StuckReport") == 0)
                return stuck_set(value, &limits->stuck) ?: LIMITS_STUCK;
        if (strcmp(key, "Retries") == 0)
                return retries_set(value, &limits->retries) ?: LIMITS_RETRIES;
        if (strcmp(key, "Flaky") == 0)
                return flaky_set(value, &limits->flaky) ?: LIMITS_FLAKY;
        return leak_grace_set(value, &limits->leak_grace_usec) ?: LIMITS_LEAK_GRACE;
}

int suite_file_set_limit(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        TestLimits *limits = &spec->values->limits;
        int which = limits_set(limits, line->key, line->value);

        if (which < 0)
                return which;
        if (*line->value)
                limits->given |= (uint64_t)which;
        else
                limits->given &= ~(uint64_t)which;
        file->has_limits = true;
        return 0;
}

/* ---- What tests have in the end ---- */

/* What tests of a listing that broke off had is still in the store: their contexts are not there. */
static void limits_resolve(
                const SuiteFile *file, const Suite *suite, uint32_t context, TestLimits *limits) {
        for (; context != CONTEXT_NONE && context <= suite->n_contexts;
             context = suite->contexts[context - 1]->parent)
                if (context <= file->n_contexts) /* behind them are those of modules */
                        test_limits_inherit(
                                        limits, &file->contexts[context - 1]->spec->values->limits);
        test_limits_inherit(limits, &file->defaults->values->limits);
}

void suite_file_resolve_limits(const SuiteFile *file, Suite *suite) {
        TestTraits *traits;
        size_t cursor = 0;

        if (!file->has_limits)
                return;
        while ((traits = test_store_next_traits(suite->store, &cursor)))
                limits_resolve(file, suite, traits->context, &traits->limits);
        for (uint32_t i = 1; i <= suite->n_contexts; i++) {
                Context *context = suite->contexts[i - 1];

                if (context->set_up)
                        limits_resolve(file, suite, i, &context->set_up->limits);
                if (context->tear_down)
                        limits_resolve(file, suite, i, &context->tear_down->limits);
        }
}
