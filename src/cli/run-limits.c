/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Limits of tests: those that this machine cannot hold are refused, or, if that was said, run without
 */

#include "cli/run-limits.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"

static unsigned limits_find(const TestLimits *limits) {
        unsigned found = 0;

        if (limits->memory_max != SIZE_INFINITY)
                found |= BACKEND_TEST_MEMORY_MAX;
        if (limits->memory_high != SIZE_INFINITY)
                found |= BACKEND_TEST_MEMORY_HIGH;
        if (limits->tasks_max != UINT64_MAX)
                found |= BACKEND_TEST_TASKS_MAX;
        if (limits->cpu_quota_usec != USEC_INFINITY)
                found |= BACKEND_TEST_CPU_QUOTA;
        return found;
}

/* Tests have few different traits, and are found by them at run time as well. */
static unsigned suite_find_limits(const Suite *suite) {
        unsigned found = 0;

        for (size_t i = 0; i < suite->n_tests; i++)
                found |= limits_find(&suite->tests[i]->traits->limits);
        for (size_t i = 0; i < suite->n_templates; i++)
                found |= limits_find(&suite->templates[i]->traits->limits);
        for (size_t i = 0; i < suite->n_contexts; i++) {
                const Context *context = suite->contexts[i];

                if (context->set_up)
                        found |= limits_find(&context->set_up->limits);
                if (context->tear_down)
                        found |= limits_find(&context->tear_down->limits);
        }
        return found;
}

int run_check_test_limits(
                const Suite *suite, BackendKind backend, bool allow_degraded, char **degraded) {
        const bool cells = !suite->settings.no_test_cgroups;
        const char *kind = backend_kind_to_string(backend);
        _cleanup_free_ char *names = NULL, *text = NULL;
        int r;

        /* Without cgroups of tests they are held no better than by mere processes. */
        r = backend_find_unheld_test_limits(
                        cells ? backend : BACKEND_PLAIN, suite_find_limits(suite), &names);
        if (r < 0)
                return log_error_errno(r, "Failed to find out which limits can be held: %m");
        if (!names)
                return 0;
        if (!allow_degraded) {
                log_error("The %s backend%s cannot hold %s of tests; --allow-degraded runs without, \"ptest doctor\" says why",
                          kind,
                          cells ? "" : " with TestCgroups=no",
                          names);
                return -EOPNOTSUPP;
        }
        r = text_setf(&text,
                      "%s%sThe %s backend%s does not hold %s of tests",
                      *degraded ?: "",
                      *degraded ? "; " : "",
                      kind,
                      cells ? "" : " with TestCgroups=no",
                      names);
        if (r < 0)
                return r;
        free(*degraded);
        *degraded = TAKE_PTR(text);
        return 0;
}
