/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "model/packed-test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "test-runner.h"

/* Each string in turn is missing, empty, short or long. */
static char *make_string(unsigned *seed, bool may_be_missing) {
        char *s = NULL;

        switch (rand_r(seed) % 4) {
        case 0:
                if (may_be_missing)
                        return NULL;
                /* fall through */
        case 1:
                s = strdup("");
                break;
        case 2:
                s = strdup("x y\n\xff");
                break;
        default:
                ck_assert_int_eq(text_setf(&s, "%0*u", 1 + rand_r(seed) % 3000, *seed), 0);
        }
        ck_assert_ptr_nonnull(s);
        return s;
}

static char **make_strings(unsigned *seed) {
        char **strings = NULL;

        for (int n = rand_r(seed) % 4; n > 0; n--)
                ck_assert_int_eq(strv_consume(&strings, make_string(seed, false)), 0);
        return strings;
}

static Test *make_test(unsigned *seed) {
        Test *test = NULL;
        char *address = make_string(seed, false);

        ck_assert_int_eq(test_new(address, &test), 0);
        free(address);
        test->argv = make_strings(seed);
        test->tags = make_strings(seed);
        test->workdir = make_string(seed, true);
        test->description = make_string(seed, true);
        test->load_error = make_string(seed, true);
        if (test->argv && rand_r(seed) % 3 == 0)
                test->source = strdup(test->argv[0]);
        else
                test->source = make_string(seed, true);
        for (int n = rand_r(seed) % 5; n > 0; n--) {
                _cleanup_free_ char *value = make_string(seed, false);

                ck_assert_int_eq(
                                test_add_env(test,
                                             (EnvOpKind)(rand_r(seed) % ENV_OP_MAX),
                                             n % 2 == 0 ? "A" : "LONGER",
                                             value,
                                             n % 3 == 0 ? "" : NULL),
                                0);
        }
        test->protocol = (TestProtocol)(rand_r(seed) % TEST_PROTOCOL_MAX);
        test->should_fail = rand_r(seed) % 2;
        test->exclusive = rand_r(seed) % 2;
        test->priority = rand_r(seed) % 2 ? -rand_r(seed) : rand_r(seed);
        test->line = (unsigned)rand_r(seed);
        test->timeout_usec = rand_r(seed) % 2 ? USEC_INFINITY : (uint64_t)rand_r(seed) << 20;
        test->grace_usec = (uint64_t)rand_r(seed);
        test->timeout_signal = rand_r(seed) % 64;
        test->output_max = rand_r(seed) % 2 ? UINT64_MAX : 0;
        test->limits.memory_max = rand_r(seed) % 2 ? SIZE_INFINITY : MIB;
        test->limits.memory_high = rand_r(seed) % 2 ? SIZE_INFINITY : KIB;
        test->limits.tasks_max = rand_r(seed) % 2 ? UINT64_MAX : 7;
        test->limits.cpu_quota_usec = rand_r(seed) % 2 ? USEC_INFINITY : USEC_PER_SEC;
        test->limits.leaks = rand_r(seed) % 2 ? LEAKS_MARK : LEAKS_FAIL;
        test->limits.stuck = rand_r(seed) % 2 ? STUCK_STACKS : STUCK_NONE;
        test->limits.retries = (uint16_t)(rand_r(seed) % 3);
        test->limits.flaky = rand_r(seed) % 2 ? FLAKY_PASS : FLAKY_FAIL;
        test->limits.leak_grace_usec = rand_r(seed) % 2 ? 0 : USEC_PER_SEC;
        return test;
}

static void assert_strings_equal(char *const *a, char *const *b) {
        ck_assert_uint_eq(strv_length(a), strv_length(b));
        for (size_t i = 0; i < strv_length(a); i++)
                ck_assert_str_eq(a[i], b[i]);
}

static void assert_env_equal(const Test *a, const Test *b) {
        ck_assert_uint_eq(a->n_env, b->n_env);
        for (size_t i = 0; i < a->n_env; i++) {
                ck_assert_int_eq(a->env[i].kind, b->env[i].kind);
                ck_assert_str_eq(a->env[i].name, b->env[i].name);
                ck_assert_str_eq(a->env[i].value, b->env[i].value);
                ck_assert_pstr_eq(a->env[i].separator, b->env[i].separator);
        }
}

static void assert_unpacks_to(const PackedTest *packed, const Test *b) {
        _cleanup_(test_freep) Test *a = NULL;

        ck_assert_int_eq(packed_test_unpack(packed, &a), 0);
        ck_assert_str_eq(packed->address, b->address);
        ck_assert_pstr_eq(packed_test_get_load_error(packed), b->load_error);
        ck_assert_uint_eq(packed->traits->timeout_usec, b->timeout_usec);

        ck_assert_str_eq(a->address, b->address);
        assert_strings_equal(a->argv, b->argv);
        assert_strings_equal(a->tags, b->tags);
        assert_env_equal(a, b);
        ck_assert_pstr_eq(a->workdir, b->workdir);
        ck_assert_pstr_eq(a->description, b->description);
        ck_assert_pstr_eq(a->load_error, b->load_error);
        ck_assert_pstr_eq(a->source, b->source);
        ck_assert_int_eq(a->protocol, b->protocol);
        ck_assert(a->should_fail == b->should_fail);
        ck_assert(a->exclusive == b->exclusive);
        ck_assert_int_eq(a->priority, b->priority);
        ck_assert_uint_eq(a->line, b->line);
        ck_assert_uint_eq(a->timeout_usec, b->timeout_usec);
        ck_assert_uint_eq(a->grace_usec, b->grace_usec);
        ck_assert_int_eq(a->timeout_signal, b->timeout_signal);
        ck_assert_uint_eq(a->output_max, b->output_max);
        ck_assert_uint_eq(a->limits.memory_max, b->limits.memory_max);
        ck_assert_uint_eq(a->limits.memory_high, b->limits.memory_high);
        ck_assert_uint_eq(a->limits.tasks_max, b->limits.tasks_max);
        ck_assert_uint_eq(a->limits.cpu_quota_usec, b->limits.cpu_quota_usec);
        ck_assert_uint_eq(a->limits.leak_grace_usec, b->limits.leak_grace_usec);
        ck_assert_uint_eq(a->limits.stuck, b->limits.stuck);
        ck_assert_uint_eq(a->limits.leaks, b->limits.leaks);
        ck_assert_uint_eq(a->limits.retries, b->limits.retries);
        ck_assert_uint_eq(a->limits.flaky, b->limits.flaky);
}

START_TEST(packed_test_unpacks_as_it_was_among_others_and_after_replacing)
{
        enum {
                N = 300
        };
        _cleanup_(test_store_freep) TestStore *store = NULL;
        unsigned seed = 815;
        PackedTest *packed[N];
        Test *tests[N];

        ck_assert_int_eq(test_store_new(&store), 0);
        for (size_t i = 0; i < N; i++) {
                tests[i] = make_test(&seed);
                ck_assert_int_eq(test_store_add(store, tests[i], &packed[i]), 0);
        }
        for (unsigned round = 0; round < 500; round++) {
                size_t i = (size_t)rand_r(&seed) % N;

                test_free(tests[i]);
                tests[i] = make_test(&seed);
                ck_assert_int_eq(test_store_replace(store, tests[i], &packed[i]), 0);
        }
        for (size_t i = 0; i < N; i++) {
                assert_unpacks_to(packed[i], tests[i]);
                test_free(tests[i]);
        }
}
END_TEST

static PackedTest *add_with_timeout(TestStore *store, const char *address, uint64_t timeout_usec) {
        _cleanup_(test_freep) Test *test = NULL;
        PackedTest *packed = NULL;

        ck_assert_int_eq(test_new(address, &test), 0);
        ck_assert_ptr_nonnull(test->source = strdup("/a.suite"));
        test->timeout_usec = timeout_usec;
        ck_assert_int_eq(test_store_add(store, test, &packed), 0);
        return packed;
}

START_TEST(packed_test_shares_what_is_equal)
{
        _cleanup_(test_store_freep) TestStore *store = NULL;
        size_t cursor = 0, n = 0;
        TestTraits *traits;

        ck_assert_int_eq(test_store_new(&store), 0);
        const PackedTest *first = add_with_timeout(store, "a", 0);

        /* As many as let the table grow several times */
        for (uint64_t i = 1; i < 100; i++)
                add_with_timeout(store, "b", i);

        const PackedTest *last = add_with_timeout(store, "c", 0);
        ck_assert_ptr_eq(first->traits, last->traits);
        ck_assert_ptr_eq(first->source, last->source);

        while ((traits = test_store_next_traits(store, &cursor))) {
                n++;
                traits->timeout_usec += 1000;
        }
        ck_assert_uint_eq(n, 100);
        ck_assert_uint_eq(first->traits->timeout_usec, 1000);
}
END_TEST

START_TEST(packed_test_takes_its_place_again)
{
        _cleanup_(test_store_freep) TestStore *store = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        PackedTest *packed = NULL;

        ck_assert_int_eq(test_store_new(&store), 0);
        ck_assert_int_eq(test_new("address", &test), 0);
        ck_assert_int_eq(strv_extend(&test->argv, "/bin/true"), 0);
        ck_assert_int_eq(test_store_add(store, test, &packed), 0);

        const PackedTest *before = packed;
        test->should_fail = true;
        ck_assert_int_eq(strv_extend(&test->tags, "a tag is shared"), 0);
        ck_assert_int_eq(test_store_replace(store, test, &packed), 0);
        ck_assert_ptr_eq(before, packed);
        ck_assert(packed->traits->should_fail);

        ck_assert_int_eq(strv_extend(&test->argv, "and a word is not"), 0);
        ck_assert_int_eq(test_store_replace(store, test, &packed), 0);
        ck_assert_ptr_ne(before, packed);
        assert_unpacks_to(packed, test);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model/packed-test");
        TCase *tcase = tcase_create("packed-test");

        tcase_add_test(tcase, packed_test_unpacks_as_it_was_among_others_and_after_replacing);
        tcase_add_test(tcase, packed_test_shares_what_is_equal);
        tcase_add_test(tcase, packed_test_takes_its_place_again);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
