/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limits of tests in suite files
 *
 * A test's own section comes first, and what [Match] sections say; then each context around it, the innermost first;
 * then [Suite]. What [Worker] says is of the worker, and stands above all.
 */

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/text.h"
#include "loader/suite-file.h"

/* A million CPUs. */
#define CPU_PERCENT_MAX 1e8

static int memory_set(const char *value, uint64_t *field) {
        uint64_t size = SIZE_INFINITY;
        int r = *value ? suite_parse_memory(value, &size) : 0;

        if (r < 0)
                return r;
        if (size == 0)
                return -ERANGE;
        *field = size;
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

int suite_file_set_limit(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        TestLimits *limits = &spec->values->limits;
        uint32_t which;
        int r;

        if (strcmp(line->key, "MemoryMax") == 0) {
                which = LIMITS_MEMORY_MAX;
                r = memory_set(line->value, &limits->memory_max);
        } else if (strcmp(line->key, "MemoryHigh") == 0) {
                which = LIMITS_MEMORY_HIGH;
                r = memory_set(line->value, &limits->memory_high);
        } else if (strcmp(line->key, "TasksMax") == 0) {
                which = LIMITS_TASKS_MAX;
                r = suite_parse_tasks(line->value, &limits->tasks_max);
        } else if (strcmp(line->key, "CPUQuota") == 0) {
                which = LIMITS_CPU_QUOTA;
                r = cpu_quota_set(line->value, &limits->cpu_quota_usec);
        } else if (strcmp(line->key, "Leaks") == 0) {
                which = LIMITS_LEAKS;
                r = leaks_set(line->value, &limits->leaks);
        } else if (strcmp(line->key, "StuckReport") == 0) {
                which = LIMITS_STUCK;
                r = stuck_set(line->value, &limits->stuck);
        } else {
                which = LIMITS_LEAK_GRACE;
                r = leak_grace_set(line->value, &limits->leak_grace_usec);
        }
        if (r < 0)
                return r;
        limits->given = *line->value ? limits->given | which : limits->given & ~which;
        file->has_limits = true;
        return 0;
}

/* ---- What tests have in the end ---- */

static void limits_resolve(
                const SuiteFile *file, const Suite *suite, uint32_t context, TestLimits *limits) {
        for (; context != CONTEXT_NONE; context = suite->contexts[context - 1]->parent)
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
