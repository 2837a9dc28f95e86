/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <string.h>

#include "worker/rust.h"

#include "test-runner.h"

static const struct {
        const char *text;
        Outcome outcome;
        const char *reason;
        size_t n_points;
} cases[] = {
        {"",                                                                                                         PTEST_OUTCOME_SKIP, "it ran no test",                                     0},
        { "\nrunning 2 tests\ntest a ... ok\ntest b::c ... ok\n\ntest result: ok. 2 passed; 0 failed\n",
         PTEST_OUTCOME_PASS,                                                                                                             NULL,
         2                                                                                                                                                                                      },
        { "test a ... ok\ntest b ... FAILED\ntest c ... FAILED\n",
         PTEST_OUTCOME_FAIL,                                                                                                             "2 of 3 tests failed: b, c",
         3                                                                                                                                                                                      },
        { "test a ... ignored\n",                                                                                    PTEST_OUTCOME_SKIP, "its only test is ignored",                           1},
        { "test a ... ignored\ntest b ... ignored, needs root\n",
         PTEST_OUTCOME_SKIP,                                                                                                             "all 2 tests ignored",
         2                                                                                                                                                                                      },
        { "test a ... ok <0.012s>\r\ntest b - should panic ... ok",                                                  PTEST_OUTCOME_PASS, NULL,                                                 2},
        { "test src/lib.rs - f (line 3) ... x ... FAILED\n",
         PTEST_OUTCOME_FAIL,                                                                                                             "1 of 1 tests failed: src/lib.rs - f (line 3) ... x",
         1                                                                                                                                                                                      },
        { "test a ... okay\ntest b\ntesting ... ok\n test c ... ok\ntest d ... bench: 10 ns/iter\n",
         PTEST_OUTCOME_SKIP,                                                                                                             "it ran no test",
         0                                                                                                                                                                                      },
        { "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n",
         PTEST_OUTCOME_SKIP,                                                                                                             "it ran no test",
         0                                                                                                                                                                                      },
        { "\nrunning 12 tests\n............\ntest result: ok. 12 passed; 0 failed\n",
         PTEST_OUTCOME_PASS,                                                                                                             NULL,
         0                                                                                                                                                                                      },
        { "test a ... \x1b[32mok\x1b(B\x1b[m\ntest \x1b[x ... \x1b[1;31mFAILED\x1b[0m\x1b",
         PTEST_OUTCOME_PASS,                                                                                                             NULL,
         1                                                                                                                                                                                      },
        { "test a ... \x1b[32mok\x1b[0m\ntest b ... \x1b[33mignored\x1b[0m, why\ntest c ... \x1b[31mFAILED\x1b[m\n",
         PTEST_OUTCOME_FAIL,                                                                                                             "1 of 3 tests failed: c",
         3                                                                                                                                                                                      },
        { "............\ntest result: \x1b[32mok\x1b(B\x1b[m. 12 passed; 0 failed\n",
         PTEST_OUTCOME_PASS,                                                                                                             NULL,
         0                                                                                                                                                                                      },
};

START_TEST(lines_give_points_and_outcome)
{
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(report_done) Report report = {};
        _cleanup_(rust_freep) Rust *rust = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(rust_new(result, &rust), 0);
        for (const char *p = cases[_i].text; *p; p++)
                ck_assert_int_eq(rust_feed(rust, p, 1), 0);
        ck_assert_int_eq(rust_finish(rust, &report), 0);

        ck_assert_str_eq(outcome_to_string(report.outcome), outcome_to_string(cases[_i].outcome));
        ck_assert_pstr_eq(report.reason, cases[_i].reason);
        ck_assert_uint_eq(report.n_points, cases[_i].n_points);
        ck_assert_uint_eq(result->n_points, cases[_i].n_points);
}
END_TEST

START_TEST(reason_of_an_ignored_test_is_kept)
{
        static const char text[] = "test a ... ignored, needs root\n";
        _cleanup_(result_freep) Result *result = NULL;
        _cleanup_(rust_freep) Rust *rust = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        ck_assert_int_eq(rust_new(result, &rust), 0);
        ck_assert_int_eq(rust_feed(rust, text, strlen(text)), 0);
        ck_assert_uint_eq(result->n_points, 1);
        ck_assert_str_eq(result->points[0].name, "a");
        ck_assert_str_eq(result->points[0].reason, "needs root");
        ck_assert_uint_eq(result->points[0].number, 0);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker/rust");
        TCase *tcase = tcase_create("lines");

        suite_add_tcase(suite, tcase);
        tcase_add_loop_test(tcase, lines_give_points_and_outcome, 0, (int)ELEMENTSOF(cases));
        tcase_add_test(tcase, reason_of_an_ignored_test_is_kept);
        return suite_run(suite);
}
