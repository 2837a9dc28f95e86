/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An unchecked tear-down that fails: Check's own runner ends there, and says nothing of what comes after it. */

#include <check.h>
#include <stdlib.h>

Suite *dies_suite(void);

static void fail_here(void) {
        ck_abort_msg("this tear-down fails");
}

START_TEST(passes)
{}
END_TEST

START_TEST(fails)
{ ck_assert_int_lt(2, 1); }
END_TEST

Suite *dies_suite(void) {
        Suite *suite = suite_create("dies");
        TCase *before = tcase_create("before"), *after = tcase_create("after");

        tcase_add_unchecked_fixture(before, NULL, fail_here);
        tcase_add_test(before, passes);
        suite_add_tcase(suite, before);
        tcase_add_test(after, passes);
        tcase_add_test(after, fails);
        suite_add_tcase(suite, after);
        return suite;
}

int main(void) {
        SRunner *runner = srunner_create(dies_suite());
        int failed;

        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
