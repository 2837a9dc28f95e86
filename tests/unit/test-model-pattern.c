/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/pattern.h"

#include <check.h>

#include "test-runner.h"

#define SELECTS(address, ...) pattern_selects((char *const[]){ __VA_ARGS__, NULL }, address)

/* Patterns are char * in a vector; literals are not written to. */
#define P(s) ((char *)(s))

START_TEST(pattern_selects_all_without_patterns)
{
        char *none[] = { NULL };

        ck_assert(pattern_selects(NULL, "a"));
        ck_assert(pattern_selects(none, "a"));
}
END_TEST

START_TEST(pattern_without_glob_matches_anywhere)
{
        ck_assert(SELECTS("glib/unix", P("unix")));
        ck_assert(SELECTS("glib/unix", P("glib/")));
        ck_assert(SELECTS("glib/unix", P("lib/un")));
        ck_assert(!SELECTS("glib/unix", P("Unix")));
        ck_assert(!SELECTS("glib/unix", P("unix2")));
}
END_TEST

START_TEST(pattern_glob_matches_the_whole_address)
{
        ck_assert(SELECTS("glib/a/b", P("glib/*")));
        ck_assert(SELECTS("glib/a/b", P("*b")));
        ck_assert(SELECTS(".hidden", P("*")));
        ck_assert(!SELECTS("glib/a/b", P("*a")));
        ck_assert(!SELECTS("xglib/a", P("glib/*")));
        ck_assert(SELECTS("test1", P("test?")));
        ck_assert(!SELECTS("test12", P("test?")));
        ck_assert(SELECTS("test1", P("test[0-9]")));
        ck_assert(!SELECTS("testx", P("test[0-9]")));
        ck_assert(SELECTS("a*b", P("a\\*b*")));
        ck_assert(!SELECTS("axb", P("a\\*b*")));
}
END_TEST

START_TEST(pattern_whole_address_matches_itself)
{
        ck_assert(SELECTS("m::case[1]", P("m::case[1]")));
        ck_assert(SELECTS("m::case[a*]", P("m::case[a*]")));
        ck_assert(!SELECTS("m::case[2]", P("m::case[1]")));
}
END_TEST

START_TEST(pattern_exclusion_beats_inclusion_in_any_order)
{
        ck_assert(!SELECTS("ab", P("a"), P("!b")));
        ck_assert(!SELECTS("ab", P("!b"), P("a")));
        ck_assert(SELECTS("ac", P("!b"), P("a")));
        ck_assert(SELECTS("x", P("!b")));
        ck_assert(!SELECTS("b", P("!b")));
        ck_assert(!SELECTS("x", P("!b"), P("a")));
        ck_assert(!SELECTS("a/1", P("a/*"), P("!*/1")));
        ck_assert(SELECTS("b", P("a"), P("b")));
}
END_TEST

START_TEST(pattern_is_valid_cases)
{
        ck_assert(pattern_is_valid("a"));
        ck_assert(pattern_is_valid("!a*"));
        ck_assert(pattern_is_valid("[unclosed"));
        ck_assert(pattern_is_valid("a b"));
        ck_assert(!pattern_is_valid(""));
        ck_assert(!pattern_is_valid("!"));
        ck_assert(!pattern_is_valid("a\n"));
        ck_assert(!pattern_is_valid("\xff"));
        ck_assert(!SELECTS("a", P("[unclosed")));
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-pattern");
        TCase *tcase = tcase_create("pattern");

        tcase_add_test(tcase, pattern_selects_all_without_patterns);
        tcase_add_test(tcase, pattern_without_glob_matches_anywhere);
        tcase_add_test(tcase, pattern_glob_matches_the_whole_address);
        tcase_add_test(tcase, pattern_whole_address_matches_itself);
        tcase_add_test(tcase, pattern_exclusion_beats_inclusion_in_any_order);
        tcase_add_test(tcase, pattern_is_valid_cases);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
