/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Contexts: what each step did stands in the output. */

#include <ptest/test.h>

#include <unistd.h>

static void outer_up(void) {
        printf("outer up");
}
static void outer_down(void) {
        printf("outer down");
}
static void outer_before(void) {
        printf("(outer ");
}
static void outer_after(void) {
        printf(" outer)");
}
PTEST_CONTEXT(outer,
              .set_up = outer_up,
              .tear_down = outer_down,
              .before_each = outer_before,
              .after_each = outer_after)

static void inner_up(void) {
        printf("inner up");
        chdir("/");
}
static void inner_down(void) {
        printf("inner down");
        ptest_fail("inner does not go");
}
static void inner_before(void) {
        printf("(inner ");
}
static void inner_after(void) {
        printf(" inner)");
}
PTEST_CONTEXT_IN(
                outer,
                inner,
                .mode = PTEST_MODE_SPLIT,
                .set_up = inner_up,
                .tear_down = inner_down,
                .before_each = inner_before,
                .after_each = inner_after)

PTEST_IN(outer, first) {
        printf("first");
}
PTEST_IN(inner, fails) {
        printf("fails");
        ptest_fail("on purpose");
}
PTEST_IN(inner, aborts) {
        abort();
}
PTEST_IN(inner, last) {
        printf("last");
}

static void bad_up(void) {
        ptest_assert_int_eq(1, 2);
}
static void bad_down(void) {
        printf("never");
}
PTEST_CONTEXT(bad, .set_up = bad_up, .tear_down = bad_down);
PTEST_IN(bad, one) {
}
PTEST_IN(bad, two) {
}

static void absent_up(void) {
        ptest_skip("not on this machine");
}
PTEST_CONTEXT(absent, .set_up = absent_up);
PTEST_IN(absent, one) {
}

static void crash_up(void) {
        abort();
}
PTEST_CONTEXT(crashing, .set_up = crash_up);
PTEST_IN(crashing, one) {
}
PTEST_IN(crashing, two) {
}

static void hang(void) {
        for (;;)
                pause();
}
PTEST_CONTEXT(hanging, .set_up = hang, .set_up_timeout_ms = 100);
PTEST_IN(hanging, one) {
}
PTEST_CONTEXT(lingering, .tear_down = hang, .tear_down_timeout_ms = 100);
PTEST_IN(lingering, one) {
}

static void shared_up(void) {
        const char *empty = "";

        ptest_export("PTEST_SHARED", "yes");
        ptest_export("PTEST_NUMBER", "%c %d", 'a', 7);
        ptest_export("PTEST_EMPTY", "%s", empty);
        printf("shared up");
}
PTEST_CONTEXT(shared, .mode = PTEST_MODE_SHARED, .set_up = shared_up);
PTEST_IN(shared, one) {
        printf("%s", getenv("PTEST_SHARED") ? "here" : "elsewhere");
}

static int each_good;
static void each_before(void) {
        if (each_good++ == 0)
                ptest_fail("not yet");
}
static void each_after(void) {
        printf("after");
}
PTEST_CONTEXT(each, .before_each = each_before, .after_each = each_after);
PTEST_IN(each, one) {
        printf("one ");
}
PTEST_IN(each, two) {
        printf("two ");
}
