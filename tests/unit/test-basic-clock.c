/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/clock.h"

#include <check.h>

#include "test-runner.h"

/* Long enough to be told from the time that the test itself takes; each test has a process and so a clock of its own. */
#define AWAY (20 * USEC_PER_MSEC)

static void wait_machine(uint64_t usec) {
        const uint64_t end = clock_machine() + usec;

        while (clock_machine() < end)
                (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

START_TEST(clock_that_goes_is_the_machines)
{
        const uint64_t before = clock_machine(), now = clock_monotonic();

        ck_assert_uint_ge(now, before);
        ck_assert_uint_le(now, clock_machine());
        ck_assert_uint_eq(clock_to_machine(now), now);
        ck_assert_uint_eq(clock_from_machine(now), now);
        ck_assert_uint_eq(clock_to_machine(USEC_INFINITY), USEC_INFINITY);
        ck_assert_uint_eq(clock_from_machine(USEC_INFINITY), USEC_INFINITY);
        ck_assert(!clock_is_stopped());
        ck_assert_uint_eq(clock_continue(), 0);
}
END_TEST

START_TEST(clock_that_is_stopped_stands)
{
        uint64_t stopped;

        clock_stop();
        stopped = clock_monotonic();
        wait_machine(AWAY);
        ck_assert(clock_is_stopped());
        ck_assert_uint_eq(clock_monotonic(), stopped);
        /* Its present is the machine's: what is to happen in a second happens in a second. */
        ck_assert_uint_ge(clock_to_machine(stopped + 5), stopped + AWAY + 5);
        ck_assert_uint_eq(clock_from_machine(clock_machine()), stopped);
}
END_TEST

START_TEST(clock_leaves_out_what_it_stood)
{
        uint64_t before, stopped, away, after;

        before = clock_machine();
        clock_stop();
        stopped = clock_monotonic();
        wait_machine(AWAY);
        away = clock_continue();
        after = clock_machine();
        ck_assert_uint_ge(away, AWAY);
        ck_assert_uint_eq(clock_get_away(), away);
        ck_assert_uint_ge(clock_monotonic(), stopped);
        ck_assert_uint_le(clock_monotonic(), clock_machine() - away);
        ck_assert_uint_eq(clock_from_machine(before), before);
        ck_assert_uint_eq(clock_from_machine(stopped + away / 2), stopped);
        ck_assert_uint_eq(clock_from_machine(after), after - away);
        ck_assert_uint_eq(clock_to_machine(after - away), after);
}
END_TEST

START_TEST(clock_skips_what_is_noticed_later)
{
        const uint64_t since = clock_machine();
        uint64_t before = clock_monotonic();

        wait_machine(AWAY);
        clock_skip(since);
        ck_assert_uint_ge(clock_monotonic(), before);
        ck_assert_uint_ge(clock_get_away(), AWAY / 2);
        ck_assert_uint_le(clock_monotonic() - before, clock_machine() - since - clock_get_away());
        /* The same time is not left out twice. */
        clock_skip(since);
        ck_assert_uint_le(clock_get_away(), clock_machine() - since);
}
END_TEST

START_TEST(clock_of_many_breaks_never_makes_a_start_earlier)
{
        const uint64_t start = clock_machine();
        uint64_t now;

        for (unsigned i = 0; i < 500; i++) {
                clock_stop();
                wait_machine(1);
                (void)clock_continue();
        }
        now = clock_monotonic();
        ck_assert_uint_ge(clock_from_machine(start), start);
        ck_assert_uint_le(clock_from_machine(start), now);
        ck_assert_uint_le(clock_from_machine(clock_machine()), clock_monotonic());
}
END_TEST

START_TEST(clock_follows_another)
{
        uint64_t away = 0, before = clock_monotonic();

        clock_follow(&away);
        ck_assert_uint_ge(clock_monotonic(), before);
        away = before / 2;
        ck_assert_uint_ge(clock_monotonic(), before - away);
        ck_assert_uint_le(clock_monotonic(), clock_machine() - away);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("basic-clock");
        TCase *tcase = tcase_create("clock");

        tcase_add_test(tcase, clock_that_goes_is_the_machines);
        tcase_add_test(tcase, clock_that_is_stopped_stands);
        tcase_add_test(tcase, clock_leaves_out_what_it_stood);
        tcase_add_test(tcase, clock_skips_what_is_noticed_later);
        tcase_add_test(tcase, clock_of_many_breaks_never_makes_a_start_earlier);
        tcase_add_test(tcase, clock_follows_another);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
