/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/escalation.h"

#include <stdlib.h>

#include <check.h>

#include "test-rounds.h"
#include "test-runner.h"

#define SEC  USEC_PER_SEC
#define MSEC USEC_PER_MSEC

/* A test that started at 100 s and may take 10 s, and 5 s more to end. */
static Escalation make_escalation(void) {
        Escalation e;

        escalation_init(&e, 10 * SEC, 5 * SEC, 100 * SEC);
        return e;
}

/* Nothing is due before the time, the action at the time. */
static void expect(Escalation *e, uint64_t when, bool caught, EscalationAction action) {
        ck_assert_uint_eq(escalation_get_deadline(e), when);
        ck_assert_int_eq(escalation_next(e, when - 1, caught), ESCALATION_NONE);
        ck_assert_int_eq(escalation_next(e, when, caught), action);
        ck_assert_int_eq(escalation_next(e, when, caught), ESCALATION_NONE);
}

static void expect_no_more(Escalation *e) {
        ck_assert_uint_eq(escalation_get_deadline(e), USEC_INFINITY);
        ck_assert_int_eq(escalation_next(e, USEC_INFINITY - 1, false), ESCALATION_NONE);
        ck_assert_int_eq(escalation_next(e, USEC_INFINITY, true), ESCALATION_NONE);
}

START_TEST(escalation_signals_until_kill_and_gives_up)
{
        Escalation e = make_escalation();

        ck_assert(!escalation_has_begun(&e));
        for (unsigned i = 0; i < 50; i++)
                expect(&e, 110 * SEC + i * 100 * MSEC, false, ESCALATION_SIGNAL);
        ck_assert(escalation_has_begun(&e));
        expect(&e, 115 * SEC, false, ESCALATION_KILL);
        expect(&e, 117 * SEC, false, ESCALATION_GIVE_UP);
        expect_no_more(&e);
}
END_TEST

START_TEST(escalation_caught_signal_is_not_repeated)
{
        Escalation e = make_escalation();

        expect(&e, 110 * SEC, false, ESCALATION_SIGNAL);
        expect(&e, 110 * SEC + 100 * MSEC, false, ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 110 * SEC + 150 * MSEC, true), ESCALATION_NONE);
        /* It is remembered, also if the caller does not say it again. */
        expect(&e, 115 * SEC, false, ESCALATION_KILL);
        expect(&e, 117 * SEC, true, ESCALATION_GIVE_UP);
        expect_no_more(&e);
}
END_TEST

/* A process may have a handler long before: it gets the signal all the same. */
START_TEST(escalation_caught_before_the_signal_means_nothing)
{
        Escalation e = make_escalation();

        ck_assert_int_eq(escalation_next(&e, 101 * SEC, true), ESCALATION_NONE);
        ck_assert_int_eq(escalation_next(&e, 110 * SEC, true), ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 110 * SEC + 100 * MSEC, true), ESCALATION_NONE);
        ck_assert_uint_eq(escalation_get_deadline(&e), 115 * SEC);
}
END_TEST

START_TEST(escalation_without_grace_kills_at_the_timeout)
{
        Escalation e;

        escalation_init(&e, 10 * SEC, 0, 100 * SEC);
        expect(&e, 110 * SEC, false, ESCALATION_KILL);
        expect(&e, 112 * SEC, false, ESCALATION_GIVE_UP);
        expect_no_more(&e);
}
END_TEST

START_TEST(escalation_short_grace_ends_between_two_signals)
{
        Escalation e;

        escalation_init(&e, 10 * SEC, 150 * MSEC, 100 * SEC);
        expect(&e, 110 * SEC, false, ESCALATION_SIGNAL);
        expect(&e, 110 * SEC + 100 * MSEC, false, ESCALATION_SIGNAL);
        expect(&e, 110 * SEC + 150 * MSEC, false, ESCALATION_KILL);
}
END_TEST

START_TEST(escalation_without_timeout_never_begins)
{
        Escalation e;

        escalation_init(&e, USEC_INFINITY, 5 * SEC, 100 * SEC);
        expect_no_more(&e);
        ck_assert(!escalation_has_begun(&e));
        escalation_init(&e, USEC_INFINITY - 1, 5 * SEC, 100 * SEC);
        expect_no_more(&e);
}
END_TEST

START_TEST(escalation_with_infinite_grace_never_kills)
{
        Escalation e;

        escalation_init(&e, 10 * SEC, USEC_INFINITY, 100 * SEC);
        expect(&e, 110 * SEC, false, ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 200 * SEC, false), ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 200 * SEC, true), ESCALATION_NONE);
        expect_no_more(&e);
}
END_TEST

/* Whoever was stopped or busy for a minute neither sends 600 signals nor takes the grace away. */
START_TEST(escalation_late_caller_gives_the_whole_grace)
{
        Escalation e = make_escalation();

        ck_assert_int_eq(escalation_next(&e, 170 * SEC, false), ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 170 * SEC, false), ESCALATION_NONE);
        ck_assert_uint_eq(escalation_get_deadline(&e), 170 * SEC + 100 * MSEC);
        ck_assert_int_eq(escalation_next(&e, 175 * SEC - 1, false), ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 180 * SEC, false), ESCALATION_KILL);
        /* After a late kill the two seconds count from the kill. */
        expect(&e, 182 * SEC, false, ESCALATION_GIVE_UP);
}
END_TEST

START_TEST(escalation_interrupt_begins_at_once)
{
        Escalation e = make_escalation(), endless;

        escalation_interrupt(&e, 103 * SEC);
        expect(&e, 103 * SEC, false, ESCALATION_SIGNAL);
        expect(&e, 103 * SEC + 100 * MSEC, false, ESCALATION_SIGNAL);
        ck_assert_int_eq(escalation_next(&e, 104 * SEC, true), ESCALATION_NONE);
        expect(&e, 108 * SEC, false, ESCALATION_KILL);
        expect(&e, 110 * SEC, false, ESCALATION_GIVE_UP);
        expect_no_more(&e);

        escalation_init(&endless, USEC_INFINITY, 0, 100 * SEC);
        escalation_interrupt(&endless, 103 * SEC);
        expect(&endless, 103 * SEC, false, ESCALATION_KILL);
}
END_TEST

START_TEST(escalation_interrupt_of_what_has_begun_changes_nothing)
{
        Escalation e = make_escalation();

        expect(&e, 110 * SEC, false, ESCALATION_SIGNAL);
        escalation_interrupt(&e, 112 * SEC);
        ck_assert_uint_eq(escalation_get_deadline(&e), 110 * SEC + 100 * MSEC);
        ck_assert_int_eq(escalation_next(&e, 113 * SEC, true), ESCALATION_NONE);
        escalation_interrupt(&e, 113 * SEC);
        expect(&e, 115 * SEC, false, ESCALATION_KILL);
        escalation_interrupt(&e, 116 * SEC);
        expect(&e, 117 * SEC, false, ESCALATION_GIVE_UP);
        escalation_interrupt(&e, 118 * SEC);
        expect_no_more(&e);
}
END_TEST

/* Polled at any times at all: the order holds, kill and give-up come once, deadlines never lie in the past of an action. */
START_TEST(escalation_random_polling_keeps_the_order)
{
        unsigned seed = 1;

        for (unsigned round = 0; round < rounds(5000); round++) {
                const uint64_t timeout = (uint64_t)rand_r(&seed) % (2 * SEC);
                const uint64_t grace = (uint64_t)(rand_r(&seed) % 3) *
                                (uint64_t)(rand_r(&seed) % 1000000);
                uint64_t now = 100 * SEC, first = 0;
                EscalationAction last = ESCALATION_NONE;
                Escalation e;

                escalation_init(&e, timeout, grace, now);
                while (last != ESCALATION_GIVE_UP) {
                        now += (uint64_t)rand_r(&seed) % (300 * MSEC);

                        const uint64_t deadline = escalation_get_deadline(&e);
                        const bool caught = rand_r(&seed) % 20 == 0;
                        EscalationAction action = escalation_next(&e, now, caught);

                        /* Being caught can only take an action away. */
                        if (!caught)
                                ck_assert((action != ESCALATION_NONE) == (now >= deadline));
                        if (action == ESCALATION_NONE)
                                continue;
                        ck_assert_uint_ge(now, 100 * SEC + timeout);
                        ck_assert_uint_gt(escalation_get_deadline(&e), now);
                        ck_assert(action == ESCALATION_SIGNAL ? last <= ESCALATION_SIGNAL :
                                                                action > last);
                        if (first == 0) {
                                first = now;
                                ck_assert_int_eq(
                                                action,
                                                grace == 0 ? ESCALATION_KILL : ESCALATION_SIGNAL);
                        }
                        if (action == ESCALATION_KILL)
                                ck_assert_uint_ge(now - first, grace);
                        if (action == ESCALATION_GIVE_UP)
                                ck_assert_int_eq(last, ESCALATION_KILL);
                        last = action;
                }
                expect_no_more(&e);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-escalation");
        TCase *tcase = tcase_create("escalation");

        tcase_add_test(tcase, escalation_signals_until_kill_and_gives_up);
        tcase_add_test(tcase, escalation_caught_signal_is_not_repeated);
        tcase_add_test(tcase, escalation_caught_before_the_signal_means_nothing);
        tcase_add_test(tcase, escalation_without_grace_kills_at_the_timeout);
        tcase_add_test(tcase, escalation_short_grace_ends_between_two_signals);
        tcase_add_test(tcase, escalation_without_timeout_never_begins);
        tcase_add_test(tcase, escalation_with_infinite_grace_never_kills);
        tcase_add_test(tcase, escalation_late_caller_gives_the_whole_grace);
        tcase_add_test(tcase, escalation_interrupt_begins_at_once);
        tcase_add_test(tcase, escalation_interrupt_of_what_has_begun_changes_nothing);
        tcase_add_test(tcase, escalation_random_polling_keeps_the_order);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
