/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/test-limits.h"

#include <string.h>

#include "basic/parse.h"

static const char *const policy_names[LEAKS_MAX] = {
        [LEAKS_MARK] = "mark",
        [LEAKS_FAIL] = "fail",
        [LEAKS_IGNORE] = "ignore",
};

static const char *const stuck_names[STUCK_MAX] = {
        [STUCK_STACKS] = "stacks",
        [STUCK_PROCESSES] = "processes",
        [STUCK_NONE] = "no",
};

static const char *const flaky_names[FLAKY_MAX] = {
        [FLAKY_PASS] = "pass",
        [FLAKY_FAIL] = "fail",
};

static void test_limits_take(TestLimits *limits, const TestLimits *from, uint64_t which) {
        if (which & LIMITS_MEMORY_MAX)
                limits->memory_max = from->memory_max;
        if (which & LIMITS_MEMORY_HIGH)
                limits->memory_high = from->memory_high;
        if (which & LIMITS_TASKS_MAX)
                limits->tasks_max = from->tasks_max;
        if (which & LIMITS_CPU_QUOTA)
                limits->cpu_quota_usec = from->cpu_quota_usec;
        if (which & LIMITS_LEAKS)
                limits->leaks = from->leaks;
        if (which & LIMITS_LEAK_GRACE)
                limits->leak_grace_usec = from->leak_grace_usec;
        if (which & LIMITS_STUCK)
                limits->stuck = from->stuck;
        if (which & LIMITS_RETRIES)
                limits->retries = from->retries;
        if (which & LIMITS_FLAKY)
                limits->flaky = from->flaky;
        limits->given |= which;
}

bool test_limits_are_any(const TestLimits *limits) {
        return limits->memory_max != SIZE_INFINITY || limits->memory_high != SIZE_INFINITY ||
                        limits->tasks_max != UINT64_MAX || limits->cpu_quota_usec != USEC_INFINITY;
}

void test_limits_apply(TestLimits *limits, const TestLimits *over) {
        test_limits_take(limits, over, over->given);
}

void test_limits_inherit(TestLimits *limits, const TestLimits *under) {
        test_limits_take(limits, under, under->given & ~limits->given);
}

const char *leak_policy_to_string(LeakPolicy policy) {
        return policy >= 0 && policy < LEAKS_MAX ? policy_names[policy] : NULL;
}

LeakPolicy leak_policy_from_string(const char *s) {
        for (int i = 0; i < LEAKS_MAX; i++)
                if (strcmp(s, policy_names[i]) == 0)
                        return (LeakPolicy)i;
        return LEAKS_INVALID;
}

const char *stuck_policy_to_string(StuckPolicy policy) {
        return policy >= 0 && policy < STUCK_MAX ? stuck_names[policy] : NULL;
}

StuckPolicy stuck_policy_from_string(const char *s) {
        bool yes;

        for (int i = 0; i < STUCK_MAX; i++)
                if (strcmp(s, stuck_names[i]) == 0)
                        return (StuckPolicy)i;
        if (parse_bool(s, &yes) < 0)
                return STUCK_INVALID;
        return yes ? STUCK_STACKS : STUCK_NONE;
}

const char *flaky_policy_to_string(FlakyPolicy policy) {
        return policy >= 0 && policy < FLAKY_MAX ? flaky_names[policy] : NULL;
}

FlakyPolicy flaky_policy_from_string(const char *s) {
        for (int i = 0; i < FLAKY_MAX; i++)
                if (strcmp(s, flaky_names[i]) == 0)
                        return (FlakyPolicy)i;
        return FLAKY_INVALID;
}
