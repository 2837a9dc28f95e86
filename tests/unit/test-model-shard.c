/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/shard.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test-rounds.h"
#include "test-runner.h"

#define SUITES       60U
#define TESTS_MAX    60U
#define CONTEXTS_MAX 6U

static uint64_t random_state;

static unsigned random_below(unsigned limit) {
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return (unsigned)((random_state * UINT64_C(2685821657736338717) >> 33) % limit);
}

/* The same for the same seed; backwards: with its tests in the other order. Durations stand at the numbers of tests. */
static Suite *make_suite(uint64_t seed, bool backwards, uint64_t *durations) {
        Suite *suite = NULL;
        unsigned n_tests, n_contexts;
        uint32_t contexts[TESTS_MAX];

        random_state = seed * 77 + 1;
        n_tests = random_below(TESTS_MAX);
        n_contexts = random_below(CONTEXTS_MAX);
        ck_assert_int_eq(suite_new("x", &suite), 0);
        for (unsigned i = 0; i < n_contexts; i++) {
                Context *context = NULL;
                char name[32];

                snprintf(name, sizeof(name), "context%u", i);
                ck_assert_int_eq(context_new(name, &context), 0);
                context->parent = random_below(i + 1);
                context->mode = (ContextMode)random_below(CONTEXT_MODE_MAX);
                ck_assert_int_eq(suite_add_context(suite, context), 0);
        }
        for (unsigned i = 0; i < n_tests; i++)
                contexts[i] = random_below(n_contexts + 1);
        for (unsigned i = 0; i < n_tests; i++) {
                unsigned number = backwards ? n_tests - 1 - i : i;
                Test *test = NULL;
                char address[32];

                snprintf(address, sizeof(address), "t%u::case", number);
                ck_assert_int_eq(test_new(address, &test), 0);
                test->context = contexts[number];
                ck_assert_int_eq(suite_add(suite, test), 0);
        }
        for (unsigned i = 0; durations && i < n_tests; i++)
                durations[backwards ? n_tests - 1 - i : i] = random_below(4) == 0 ?
                                USEC_INFINITY :
                                random_below(10000);
        return suite;
}

static unsigned get_number(const PackedTest *test) {
        unsigned number = UINT32_MAX;

        ck_assert_int_eq(sscanf(test->address, "t%u::case", &number), 1);
        ck_assert_uint_lt(number, TESTS_MAX);
        return number;
}

/* The outermost context that must not be in two parts. */
static uint32_t get_keeper(const Suite *suite, const PackedTest *test) {
        uint32_t keeper = 0;

        for (uint32_t at = test->traits->context; at != 0; at = suite->contexts[at - 1]->parent)
                if (suite->contexts[at - 1]->mode != CONTEXT_SPLIT)
                        keeper = at;
        return keeper;
}

typedef struct Parts {
        unsigned part[TESTS_MAX]; /* by number of test; 0: none */
} Parts;

static void keep(Suite *suite, unsigned i, unsigned n, const uint64_t *durations) {
        ck_assert_int_eq(
                        durations ? suite_keep_shard_by_duration(suite, i, n, durations) :
                                    suite_keep_shard(suite, i, n),
                        0);
}

/* Each test is in one part, in the order that it had, and no context is torn. */
static void split(uint64_t seed, bool backwards, unsigned n, bool by_duration, Parts *ret) {
        uint64_t durations[TESTS_MAX];
        unsigned part_of_context[CONTEXTS_MAX + 1] = {};
        size_t n_all, n_kept = 0;
        Suite *suite;

        *ret = (Parts){};
        suite = make_suite(seed, backwards, NULL);
        n_all = suite->n_tests;
        suite_free(suite);
        for (unsigned i = 1; i <= n; i++) {
                unsigned last = 0;

                suite = make_suite(seed, backwards, durations);
                keep(suite, i, n, by_duration ? durations : NULL);
                for (size_t t = 0; t < suite->n_tests; t++) {
                        unsigned number = get_number(suite->tests[t]);
                        uint32_t keeper = get_keeper(suite, suite->tests[t]);

                        ck_assert_uint_eq(ret->part[number], 0);
                        ret->part[number] = i;
                        if (t > 0)
                                ck_assert(backwards ? number < last : number > last);
                        last = number;
                        if (keeper != 0) {
                                ck_assert(part_of_context[keeper] == 0 ||
                                          part_of_context[keeper] == i);
                                part_of_context[keeper] = i;
                        }
                }
                n_kept += suite->n_tests;
                suite_free(suite);
        }
        ck_assert_uint_eq(n_kept, n_all);
}

START_TEST(shards_are_the_suite_each_test_once)
{
        for (uint64_t seed = 1; seed <= rounds(SUITES); seed++)
                for (unsigned n = 1; n <= 8; n += 1 + n / 3) {
                        Parts parts;

                        split(seed, false, n, false, &parts);
                        split(seed, false, n, true, &parts);
                }
}
END_TEST

START_TEST(shard_does_not_depend_on_the_order)
{
        for (uint64_t seed = 1; seed <= rounds(SUITES); seed++) {
                Parts forwards, backwards;

                split(seed, false, 3, false, &forwards);
                split(seed, true, 3, false, &backwards);
                ck_assert_mem_eq(&forwards, &backwards, sizeof(Parts));
        }
}
END_TEST

/* Whoever has part 2 of 5 today has it tomorrow, with another version. */
START_TEST(shard_by_hash_stays_what_it_is)
{
        static const char *const addresses[] = { "gobject/closure", "gio/file", "a::b[c]", "ä" };
        Suite *suite = NULL;
        char parts[8] = "";

        for (unsigned i = 1; i <= 5; i++) {
                ck_assert_int_eq(suite_new("x", &suite), 0);
                for (size_t t = 0; t < ELEMENTSOF(addresses); t++) {
                        Test *test = NULL;

                        ck_assert_int_eq(test_new(addresses[t], &test), 0);
                        ck_assert_int_eq(suite_add(suite, test), 0);
                }
                ck_assert_int_eq(suite_keep_shard(suite, i, 5), 0);
                for (size_t t = 0; t < suite->n_tests; t++)
                        for (size_t a = 0; a < ELEMENTSOF(addresses); a++)
                                if (strcmp(suite->tests[t]->address, addresses[a]) == 0)
                                        parts[a] = (char)('0' + i);
                suite_free(suite);
        }
        ck_assert_str_eq(parts, "5423");
}
END_TEST

START_TEST(shards_by_duration_take_about_as_long_as_each_other)
{
        uint64_t durations[40], loads[4] = {}, all = 0;

        for (size_t i = 0; i < ELEMENTSOF(durations); i++) {
                durations[i] = i == 0 ? 100000 : 1000 * (1 + i % 10);
                all += durations[i];
        }
        for (unsigned part = 1; part <= 4; part++) {
                Suite *suite = NULL;

                ck_assert_int_eq(suite_new("x", &suite), 0);
                for (unsigned i = 0; i < ELEMENTSOF(durations); i++) {
                        Test *test = NULL;
                        char address[32];

                        snprintf(address, sizeof(address), "t%u::case", i);
                        ck_assert_int_eq(test_new(address, &test), 0);
                        ck_assert_int_eq(suite_add(suite, test), 0);
                }
                ck_assert_int_eq(suite_keep_shard_by_duration(suite, part, 4, durations), 0);
                for (size_t t = 0; t < suite->n_tests; t++)
                        loads[part - 1] += durations[get_number(suite->tests[t])];
                suite_free(suite);
        }
        /* The long one is alone, and the others share what is left to a thousandth. */
        ck_assert_uint_eq(loads[0], 100000);
        for (unsigned part = 1; part < 4; part++)
                ck_assert_uint_le(
                                loads[part] > (all - 100000) / 3 ?
                                                loads[part] - (all - 100000) / 3 :
                                                (all - 100000) / 3 - loads[part],
                                1000);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/shard");
        TCase *tcase = tcase_create("shard");

        tcase_add_test(tcase, shards_are_the_suite_each_test_once);
        tcase_add_test(tcase, shard_does_not_depend_on_the_order);
        tcase_add_test(tcase, shard_by_hash_stays_what_it_is);
        tcase_add_test(tcase, shards_by_duration_take_about_as_long_as_each_other);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
