/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/keep-runs.h"

#include <errno.h>

#include <check.h>

#include "basic/macros.h"
#include "basic/parse.h"
#include "test-runner.h"

START_TEST(keep_runs_parse_takes_number_and_size_in_any_order)
{
        static const struct {
                const char *words;
                uint64_t count, size;
        } cases[] = {
                {"",            100,        UINT64_C(1) << 30},
                { "20",         20,         UINT64_C(1) << 30},
                { "500M",       100,        500U << 20       },
                { "20 500M",    20,         500U << 20       },
                { " 1.5G,\t7 ", 7,          UINT64_C(3) << 29},
                { "infinity",   UINT64_MAX, SIZE_INFINITY    },
                { "1",          1,          UINT64_C(1) << 30},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                KeepRuns keep;

                ck_assert_int_eq(keep_runs_parse(cases[i].words, &keep), 0);
                ck_assert_uint_eq(keep.count, cases[i].count);
                ck_assert_uint_eq(keep.size, cases[i].size);
        }
}
END_TEST

START_TEST(keep_runs_parse_refuses_the_rest)
{
        static const char *const wrong[] = { "x",  "20 30",  "1M 2M", "20 infinity",
                                             "-1", "20runs", "1 2M 3" };
        KeepRuns keep = { 5, 6 };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_int_eq(keep_runs_parse(wrong[i], &keep), -EINVAL);
        ck_assert_int_eq(keep_runs_parse("0", &keep), -ERANGE);
        ck_assert_int_eq(keep_runs_parse("0M", &keep), -ERANGE);
        ck_assert_uint_eq(keep.count, 5);
}
END_TEST

START_TEST(keep_runs_hold_bounds_both_and_never_drops_the_latest)
{
        const KeepRuns keep = { .count = 3, .size = 100 };

        ck_assert(keep_runs_hold(&keep, 0, 1000));
        ck_assert(keep_runs_hold(&keep, 2, 100));
        ck_assert(!keep_runs_hold(&keep, 3, 100));
        ck_assert(!keep_runs_hold(&keep, 2, 101));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-keep-runs");
        TCase *tcase = tcase_create("keep-runs");

        tcase_add_test(tcase, keep_runs_parse_takes_number_and_size_in_any_order);
        tcase_add_test(tcase, keep_runs_parse_refuses_the_rest);
        tcase_add_test(tcase, keep_runs_hold_bounds_both_and_never_drops_the_latest);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
