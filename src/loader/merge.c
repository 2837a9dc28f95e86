/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Several suites as one run
 */

#include <errno.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "loader/loader.h"
#include "loader/problems.h"

static bool strings_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Workers are shared by all suites: what limits them must be the same. */
static int merge_check(Suite **suites, size_t n_suites, LoadProblems *problems) {
        const SuiteSettings *first = &suites[0]->settings;
        size_t before = problems_count(problems);

        for (size_t i = 1; i < n_suites; i++) {
                const SuiteSettings *other = &suites[i]->settings;
                static const char *const keys[] = {
                        "MemoryMax", "TasksMax",       "CPUWeight",   "IOWeight",
                        "User",      "OOMScoreAdjust", "WorkerSetUp", "TestCgroups",
                };
                const bool equal[ELEMENTSOF(keys)] = {
                        first->worker_memory_max == other->worker_memory_max,
                        first->worker_tasks_max == other->worker_tasks_max,
                        first->worker_cpu_weight == other->worker_cpu_weight,
                        first->worker_io_weight == other->worker_io_weight,
                        strings_equal(first->worker_user, other->worker_user),
                        first->worker_oom_score == other->worker_oom_score,
                        strings_equal(first->worker_set_up, other->worker_set_up),
                        first->no_test_cgroups == other->no_test_cgroups,
                };

                for (size_t j = 0; j < ELEMENTSOF(keys); j++)
                        if (!equal[j]) {
                                int r = problems_add(
                                                problems,
                                                suites[i]->path,
                                                0,
                                                "%s of [Worker] differs from that of %s; run the two after each other",
                                                keys[j],
                                                suites[0]->path);
                                if (r < 0)
                                        return r;
                        }
        }
        return problems_count(problems) > before ? -EINVAL : 0;
}

static int merge_copy(char **ret, const char *text) {
        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* Names that are unique among themselves: two build directories of one project have the same. */
static int merge_name(Suite **suites, size_t n_suites, char ***ret) {
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < n_suites; i++) {
                _cleanup_free_ char *name = strdup(suites[i]->name);
                int r = name ? 0 : -ENOMEM;

                for (unsigned number = 2; r >= 0 && strv_contains(names, name); number++)
                        r = text_setf(&name, "%s#%u", suites[i]->name, number);
                if (r >= 0)
                        r = strv_consume(&names, TAKE_PTR(name));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(names);
        return 0;
}

/* The most that any of them asks for, also of new workers; the limit of the whole run is that of all together, if each has one. */
static void settings_merge(SuiteSettings *settings, const SuiteSettings *other) {
        settings->workers = MAX(settings->workers, other->workers);
        settings->run_timeout_usec = usec_add(settings->run_timeout_usec, other->run_timeout_usec);
        settings->stop_usec = MAX(settings->stop_usec, other->stop_usec);
        if (settings->fail_fast == 0 ||
            (other->fail_fast > 0 && other->fail_fast < settings->fail_fast))
                settings->fail_fast = other->fail_fast;
        if (settings->recycle_after == 0 ||
            (other->recycle_after > 0 && other->recycle_after < settings->recycle_after))
                settings->recycle_after = other->recycle_after;
        settings->recycle_memory = MIN(settings->recycle_memory, other->recycle_memory);
        settings->slice_memory_max = MIN(settings->slice_memory_max, other->slice_memory_max);
        settings->allow_no_tests = settings->allow_no_tests && other->allow_no_tests;
        settings->keep_runs.count = MAX(settings->keep_runs.count, other->keep_runs.count);
        settings->keep_runs.size = MAX(settings->keep_runs.size, other->keep_runs.size);
}

static int merge_prefix(char **text, const char *prefix) {
        _cleanup_free_ char *plain = TAKE_PTR(*text);

        return text_setf(text, "%s/%s", prefix, plain);
}

/* Their numbers grow by those that are there. */
static int merge_move_contexts(Suite *merged, Suite *suite, const char *prefix) {
        uint32_t before = (uint32_t)merged->n_contexts;

        for (size_t i = 0; i < suite->n_contexts; i++) {
                _cleanup_(context_freep) Context *context = TAKE_PTR(suite->contexts[i]);
                int r;

                r = merge_prefix(&context->name, prefix);
                if (r >= 0 && context->set_up)
                        r = merge_prefix(&context->set_up->address, prefix);
                if (r >= 0 && context->tear_down)
                        r = merge_prefix(&context->tear_down->address, prefix);
                if (r < 0)
                        return r;
                if (context->parent != CONTEXT_NONE)
                        context->parent += before;
                r = suite_add_context(merged, TAKE_PTR(context));
                if (r < 0)
                        return r;
        }
        suite->n_contexts = 0;
        return 0;
}

/* Of a test or template, for the merged suite. */
static int merge_make_test(
                const Suite *merged, const PackedTest *packed, const char *prefix, Test **ret) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = packed_test_unpack(packed, &test);
        if (r >= 0)
                r = merge_prefix(&test->address, prefix);
        if (r < 0)
                return r;
        if (test->context != CONTEXT_NONE)
                test->context += (uint32_t)merged->n_contexts;
        *ret = TAKE_PTR(test);
        return 0;
}

static int merge_move(Suite *merged, Suite *suite, const char *prefix) {
        Test *test;
        int r = 0;

        for (size_t i = 0; i < suite->n_tests && r >= 0; i++) {
                r = merge_make_test(merged, suite->tests[i], prefix, &test);
                if (r >= 0)
                        r = suite_add(merged, test);
        }
        for (size_t i = 0; i < suite->n_templates && r >= 0; i++) {
                r = merge_make_test(merged, suite->templates[i], prefix, &test);
                if (r >= 0)
                        r = suite_add_template(merged, test);
        }
        if (r < 0)
                return r;
        suite_truncate(suite, 0);
        return merge_move_contexts(merged, suite, prefix);
}

int suite_merge(Suite **suites, size_t n_suites, Suite **ret, LoadProblems *problems) {
        _cleanup_(suite_freep) Suite *merged = NULL;
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *name = NULL;
        int r;

        r = n_suites > 0 ? merge_check(suites, n_suites, problems) : -EINVAL;
        if (r >= 0)
                r = merge_name(suites, n_suites, &names);
        if (r < 0)
                return r;
        name = strv_join(names, "+");
        if (!name)
                return -ENOMEM;
        r = suite_new(name, &merged);
        if (r < 0)
                return r;

        merged->settings = suites[0]->settings;
        merged->settings.timeout_multiplier = 1.0; /* applied already, suite by suite */
        merged->settings.worker_user = merged->settings.worker_user_place = NULL;
        merged->settings.worker_set_up = NULL;
        r = merge_copy(&merged->settings.worker_user, suites[0]->settings.worker_user);
        if (r >= 0)
                r = merge_copy(&merged->settings.worker_user_place,
                               suites[0]->settings.worker_user_place);
        if (r >= 0)
                r = merge_copy(&merged->settings.worker_set_up, suites[0]->settings.worker_set_up);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_suites; i++) {
                if (i > 0)
                        settings_merge(&merged->settings, &suites[i]->settings);
                r = merge_move(merged, suites[i], names[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(merged);
        return 0;
}
