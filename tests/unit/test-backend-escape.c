/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <check.h>
#include <fnmatch.h>
#include <string.h>

#include "backend/escape.h"

#include "test-runner.h"

#define RUN_ID "0123456789abcdef0123456789abcdef"

START_TEST(name_with_dash_is_escaped)
{
        _cleanup_free_ char *a = escape_name("my-suite"), *b = escape_name("a b@é"),
                            *c = escape_name(".x/y");

        ck_assert_str_eq(a, "my\\x2dsuite");
        ck_assert_str_eq(b, "a\\x20b\\x40\\xc3\\xa9");
        ck_assert_str_eq(c, "\\x2ex-y");
}
END_TEST

START_TEST(slice_nests_directly_below_ptest)
{
        _cleanup_free_ char *unit = NULL, *odd = NULL;

        ck_assert_int_ge(escape_slice_unit("glib-2.0", &unit), 0);
        ck_assert_str_eq(unit, "ptest-glib\\x2d2.0.slice");

        /* No '-' but the one after ptest, whatever the name */
        ck_assert_int_ge(escape_slice_unit("a/b-c/", &odd), 0);
        ck_assert_ptr_null(strchr(strchr(odd, '-') + 1, '-'));
}
END_TEST

START_TEST(scope_names_worker)
{
        _cleanup_free_ char *unit = NULL;

        ck_assert_int_ge(escape_scope_unit("glib", RUN_ID, 3, 1, &unit), 0);
        ck_assert_str_eq(unit, "ptest-glib-" RUN_ID "-w3g1.scope");
}
END_TEST

START_TEST(long_name_is_cut_and_stays_unique)
{
        char a[400], b[400];
        _cleanup_free_ char *unit_a = NULL, *unit_b = NULL;

        memset(a, '-', sizeof(a));
        memset(b, '-', sizeof(b));
        a[398] = 'a';
        b[398] = 'b';
        a[399] = b[399] = '\0';

        ck_assert_int_ge(escape_scope_unit(a, RUN_ID, UINT32_MAX, UINT32_MAX, &unit_a), 0);
        ck_assert_int_ge(escape_scope_unit(b, RUN_ID, UINT32_MAX, UINT32_MAX, &unit_b), 0);
        ck_assert_uint_le(strlen(unit_a), 255);
        ck_assert_str_ne(unit_a, unit_b);

        /* Each escape that was begun is whole. */
        for (const char *c = strchr(unit_a, '\\'); c; c = strchr(c + 1, '\\'))
                ck_assert_int_eq(strncmp(c, "\\x2d", 4), 0);
}
END_TEST

START_TEST(pattern_matches_own_scopes_only)
{
        _cleanup_free_ char *prefix = NULL, *pattern = NULL, *own = NULL, *other = NULL;

        ck_assert_int_ge(escape_scope_prefix("a-b", &prefix), 0);
        ck_assert_int_ge(escape_scope_pattern(prefix, &pattern), 0);
        ck_assert_int_ge(escape_scope_unit("a-b", RUN_ID, 1, 1, &own), 0);
        ck_assert_int_ge(escape_scope_unit("a", RUN_ID, 1, 1, &other), 0);

        /* As the manager calls it */
        ck_assert_int_eq(fnmatch(pattern, own, FNM_NOESCAPE), 0);
        ck_assert_int_ne(fnmatch(pattern, other, FNM_NOESCAPE), 0);
}
END_TEST

START_TEST(run_id_is_found_in_own_names_only)
{
        char id[33] = "";

        ck_assert(escape_find_run_id("ptest-a-" RUN_ID "-w1g1.scope", "ptest-a-", id));
        ck_assert_str_eq(id, RUN_ID);
        ck_assert(!escape_find_run_id("ptest-a-" RUN_ID "-w1g1.scope", "ptest-b-", id));
        ck_assert(!escape_find_run_id("ptest-a-short-w1g1.scope", "ptest-a-", id));
        ck_assert(!escape_find_run_id("ptest-a-" RUN_ID "0-w1g1.scope", "ptest-a-", id));
        ck_assert(!escape_find_run_id("ptest-a-" RUN_ID "-w1g1.service", "ptest-a-", id));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("backend-escape");
        TCase *tc = tcase_create("escape");

        tcase_add_test(tc, name_with_dash_is_escaped);
        tcase_add_test(tc, slice_nests_directly_below_ptest);
        tcase_add_test(tc, scope_names_worker);
        tcase_add_test(tc, long_name_is_cut_and_stays_unique);
        tcase_add_test(tc, pattern_matches_own_scopes_only);
        tcase_add_test(tc, run_id_is_found_in_own_names_only);
        suite_add_tcase(suite, tc);
        return suite_run(suite);
}
