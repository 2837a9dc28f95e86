/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/retry.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test-runner.h"

/* Three tests in a row, on two places. */
typedef struct World {
        Suite *suite;
        Plan *plan;
        Schedule *schedule;
        Retry retry;
        Result *attempts[16]; /* that were told */
        size_t n_attempts;
} World;

static void on_attempt(Result *result, void *userdata) {
        World *world = userdata;

        ck_assert_uint_lt(world->n_attempts, 16);
        world->attempts[world->n_attempts++] = result;
}

/* retries: of the first test, that of the others is none */
static void world_make_retrying(World *world, RetryConfig config, uint16_t retries) {
        *world = (World){};
        ck_assert_int_eq(suite_new("x", &world->suite), 0);
        for (int i = 0; i < 3; i++) {
                Test *test = NULL;

                ck_assert_int_eq(test_new((const char *const[]){ "a", "b", "c" }[i], &test), 0);
                test->limits.retries = i == 0 ? retries : 0;
                ck_assert_int_eq(suite_add(world->suite, test), 0);
        }
        ck_assert_int_eq(plan_new(3, &world->plan), 0);
        ck_assert_int_eq(schedule_new(world->suite, 2, &world->schedule), 0);
        world->retry = (Retry){ .config = config,
                                .suite = world->suite,
                                .plan = world->plan,
                                .schedule = world->schedule,
                                .on_attempt = on_attempt,
                                .userdata = world };
}

static void world_make(World *world, RetryConfig config) {
        world_make_retrying(world, config, 0);
}

static void world_drop(World *world) {
        for (size_t i = 0; i < world->n_attempts; i++)
                result_free(world->attempts[i]);
        retry_done(&world->retry);
        schedule_free(world->schedule);
        plan_free(world->plan);
        suite_free(world->suite);
}

/* -1: nothing is given */
static int64_t give(World *world, unsigned place) {
        ScheduleStep step;
        uint32_t test;

        ck_assert_int_eq(schedule_next(world->schedule, place, &test, 1, &step), 0);
        if (step.action != SCHEDULE_TESTS)
                return -1;
        plan_set_sent(world->plan, test);
        return test;
}

static Result *make(Outcome outcome, const char *reason) {
        Result *result = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        result->outcome = outcome;
        if (reason)
                ck_assert_int_ge(result_set_reason(result, "%s", reason), 0);
        return result;
}

static Result *oom(OomOwner owner) {
        Result *result = make(PTEST_OUTCOME_OOM, "killed");

        result->oom_owner = owner;
        return result;
}

/* As a slot tells it, with the attempt that the plan has. */
static bool begin(World *world, uint32_t test, Result *result) {
        result->attempt = plan_get_attempt(world->plan, test);
        return retry_begin(&world->retry, test, result);
}

static void done(World *world, uint32_t test) {
        ck_assert_int_eq(plan_complete(world->plan, test, PTEST_OUTCOME_PASS, 0), 0);
        schedule_on_done(world->schedule, test);
}

START_TEST(victim_is_run_again_alone_and_once)
{
        World world;
        Result *again;

        world_make(&world, (RetryConfig){});
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert_int_eq(give(&world, 1), 1);

        ck_assert(begin(&world, 0, oom(OOM_OWNER_SLICE)));
        ck_assert_uint_eq(world.n_attempts, 1);
        ck_assert_uint_eq(world.attempts[0]->attempt, 1);
        ck_assert_uint_eq(world.attempts[0]->attempts, 2);
        ck_assert_uint_eq(plan_get_attempt(world.plan, 0), 2);
        /* Nothing beside it: the other place still has one, and gets no further one before. */
        ck_assert_int_eq(give(&world, 0), -1);
        done(&world, 1);
        ck_assert_int_eq(give(&world, 1), 0);
        ck_assert_int_eq(give(&world, 0), -1);
        again = oom(OOM_OWNER_SLICE);
        ck_assert(!begin(&world, 0, again));
        result_free(again);
        done(&world, 0);
        ck_assert_int_eq(give(&world, 0), 2);
        world_drop(&world);
}
END_TEST

START_TEST(who_is_over_a_limit_of_its_own_is_not_run_again)
{
        _cleanup_(result_freep) Result *own = oom(OOM_OWNER_TEST), *workers = oom(OOM_OWNER_WORKER),
                                       *unknown = oom(OOM_OWNER_UNKNOWN),
                                       *crash = oom(OOM_OWNER_MACHINE);
        World world;

        world_make(&world, (RetryConfig){});
        ck_assert_int_eq(give(&world, 0), 0);
        crash->outcome = PTEST_OUTCOME_CRASH;
        ck_assert(!begin(&world, 0, own));
        ck_assert(!begin(&world, 0, workers));
        ck_assert(!begin(&world, 0, unknown));
        ck_assert(!begin(&world, 0, crash));
        ck_assert_uint_eq(plan_get_attempt(world.plan, 0), 1);
        world_drop(&world);
}
END_TEST

/* What comes of a victim that is run again, with that second result. */
static Result *settle_victim(World *world, Result *second) {
        world_make(world, (RetryConfig){});
        ck_assert_int_eq(give(world, 0), 0);
        ck_assert(begin(world, 0, oom(OOM_OWNER_MACHINE)));
        if (second->outcome != PTEST_OUTCOME_NOT_RUN)
                second->attempt = 2;
        return retry_settle(&world->retry, 0, second);
}

START_TEST(second_outcome_says_what_the_first_was)
{
        Result *result, *other;
        World world;

        result = settle_victim(&world, make(PTEST_OUTCOME_PASS, NULL));
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_PASS);
        ck_assert_str_eq(result->reason, "run again alone, after attempt 1 was an oom: killed");
        ck_assert_uint_eq(result->marks, PTEST_MARK_FLAKY);
        ck_assert_uint_eq(result->attempts, 2);
        result_free(result);
        world_drop(&world);

        result = settle_victim(&world, oom(OOM_OWNER_MACHINE));
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_OOM);
        ck_assert_str_eq(
                        result->reason,
                        "killed; run again alone, after attempt 1 was an oom: killed");
        ck_assert_uint_eq(result->marks, 0);
        result_free(result);
        world_drop(&world);

        /* What was seen counts, and not that it was not seen again. */
        result = settle_victim(&world, make(PTEST_OUTCOME_NOT_RUN, "interrupted"));
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_OOM);
        ck_assert_str_eq(result->reason, "killed; not run again: interrupted");
        ck_assert_uint_eq(result->attempt, 1);
        result_free(result);

        other = retry_settle(&world.retry, 1, make(PTEST_OUTCOME_PASS, NULL));
        ck_assert_ptr_null(other->reason);
        result_free(other);
        world_drop(&world);
}
END_TEST

START_TEST(bad_outcome_is_tried_again_behind_the_others)
{
        Result *result;
        World world;

        world_make_retrying(&world, (RetryConfig){}, 2);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(begin(&world, 0, make(PTEST_OUTCOME_FAIL, "exit status 1")));
        ck_assert_int_eq(give(&world, 0), 1);
        ck_assert_int_eq(give(&world, 1), 2);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(begin(&world, 0, make(PTEST_OUTCOME_TIMEOUT, NULL)));
        ck_assert_int_eq(give(&world, 0), 0);

        result = make(PTEST_OUTCOME_PASS, NULL);
        ck_assert(!begin(&world, 0, result));
        result = retry_settle(&world.retry, 0, result);
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_PASS);
        ck_assert_str_eq(result->reason, "attempt 3, after 2 bad; the first: fail: exit status 1");
        ck_assert_uint_eq(result->marks, PTEST_MARK_FLAKY);
        ck_assert_uint_eq(result->attempt, 3);
        ck_assert_uint_eq(result->attempts, 3);
        ck_assert_uint_eq(world.n_attempts, 2);
        for (unsigned i = 0; i < 2; i++) {
                ck_assert_uint_eq(world.attempts[i]->attempt, i + 1);
                ck_assert_uint_eq(world.attempts[i]->attempts, 3);
        }
        result_free(result);
        world_drop(&world);
}
END_TEST

START_TEST(retries_come_to_an_end)
{
        static const Outcome bad[] = {
                PTEST_OUTCOME_FAIL,    PTEST_OUTCOME_XPASS, PTEST_OUTCOME_ERROR,
                PTEST_OUTCOME_TIMEOUT, PTEST_OUTCOME_CRASH, PTEST_OUTCOME_OOM,
                PTEST_OUTCOME_LOST,
        };
        static const Outcome good[] = {
                PTEST_OUTCOME_PASS, PTEST_OUTCOME_SKIP, PTEST_OUTCOME_XFAIL, PTEST_OUTCOME_NOT_RUN
        };
        Result *result;
        World world;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                world_make_retrying(&world, (RetryConfig){}, 1);
                ck_assert_int_eq(give(&world, 0), 0);
                ck_assert(begin(&world, 0, make(bad[i], "x")));
                ck_assert_int_eq(give(&world, 0), 1);
                ck_assert_int_eq(give(&world, 0), 2);
                ck_assert_int_eq(give(&world, 0), 0);
                result = make(bad[i], "x");
                ck_assert(!begin(&world, 0, result));
                result = retry_settle(&world.retry, 0, result);
                ck_assert_int_eq(result->outcome, bad[i]);
                ck_assert_str_eq(result->reason, "x; all 2 attempts were bad");
                ck_assert_uint_eq(result->marks, 0);
                result_free(result);
                world_drop(&world);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                world_make_retrying(&world, (RetryConfig){}, 1);
                ck_assert_int_eq(give(&world, 0), 0);
                result = make(good[i], NULL);
                ck_assert(!begin(&world, 0, result));
                result_free(result);
                world_drop(&world);
        }
}
END_TEST

START_TEST(first_bad_repeat_is_the_outcome_and_each_is_told_once)
{
        static const Outcome outcomes[] = {
                PTEST_OUTCOME_PASS, PTEST_OUTCOME_CRASH, PTEST_OUTCOME_PASS, PTEST_OUTCOME_FAIL
        };
        static const unsigned told[] = { 1, 3, 4 };
        Result *result = NULL;
        World world;

        world_make(&world, (RetryConfig){ .repeat = 4 });
        for (unsigned i = 0; i < 4; i++) {
                /* One after the other. */
                ck_assert_int_eq(give(&world, 0), 0);
                result = make(outcomes[i], outcome_to_string(outcomes[i]));
                ck_assert(begin(&world, 0, result) == (i < 3));
        }
        result = retry_settle(&world.retry, 0, result);
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_CRASH);
        ck_assert_str_eq(result->reason, "crash; 2 of 4 attempts were bad");
        ck_assert_uint_eq(result->attempt, 2);
        ck_assert_uint_eq(result->attempts, 4);
        ck_assert_uint_eq(world.n_attempts, ELEMENTSOF(told));
        for (size_t i = 0; i < ELEMENTSOF(told); i++)
                ck_assert_uint_eq(world.attempts[i]->attempt, told[i]);
        result_free(result);
        world_drop(&world);
}
END_TEST

START_TEST(retries_are_of_the_test_and_repeats_are_in_their_place)
{
        Result *result;
        World world;

        world_make_retrying(&world, (RetryConfig){}, 1);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(begin(&world, 0, make(PTEST_OUTCOME_FAIL, "x")));
        ck_assert_int_eq(give(&world, 0), 1);
        result = make(PTEST_OUTCOME_FAIL, "x");
        ck_assert(!begin(&world, 1, result));
        result_free(result);
        world_drop(&world);

        world_make_retrying(&world, (RetryConfig){ .repeat = 2 }, 5);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(begin(&world, 0, make(PTEST_OUTCOME_PASS, NULL)));
        ck_assert_int_eq(give(&world, 0), 0);
        result = make(PTEST_OUTCOME_FAIL, "x");
        ck_assert(!begin(&world, 0, result));
        result = retry_settle(&world.retry, 0, result);
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_FAIL);
        result_free(result);
        world_drop(&world);
}
END_TEST

START_TEST(good_repeats_are_a_pass)
{
        Result *result = NULL;
        World world;

        world_make(&world, (RetryConfig){ .repeat = 3 });
        for (unsigned i = 0; i < 3; i++) {
                ck_assert_int_eq(give(&world, 0), 0);
                result = make(PTEST_OUTCOME_PASS, NULL);
                ck_assert(begin(&world, 0, result) == (i < 2));
        }
        result = retry_settle(&world.retry, 0, result);
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_PASS);
        ck_assert_ptr_null(result->reason);
        ck_assert_uint_eq(result->marks, 0);
        ck_assert_uint_eq(result->attempt, 3);
        result_free(result);
        world_drop(&world);
}
END_TEST

START_TEST(repeats_that_are_interrupted_keep_what_was_seen)
{
        Result *result;
        World world;

        world_make(&world, (RetryConfig){ .repeat = 3 });
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(begin(&world, 0, make(PTEST_OUTCOME_FAIL, "x")));
        result = retry_settle(&world.retry, 0, make(PTEST_OUTCOME_NOT_RUN, "interrupted"));
        ck_assert_int_eq(result->outcome, PTEST_OUTCOME_FAIL);
        ck_assert_str_eq(result->reason, "x; bad at its first attempt; not run again: interrupted");
        ck_assert_uint_eq(result->attempt, 1);
        result_free(result);
        world_drop(&world);

        world_make(&world, (RetryConfig){ .repeat = 3, .stop_at_failed = true });
        ck_assert_int_eq(give(&world, 0), 0);
        result = make(PTEST_OUTCOME_FAIL, "x");
        ck_assert(!begin(&world, 0, result));
        result_free(result);
        world_drop(&world);
}
END_TEST

START_TEST(attempts_of_an_earlier_run_count)
{
        _cleanup_(result_freep) Result *last = make(PTEST_OUTCOME_FAIL, "exit status 1");
        Result *result;
        World world;

        world_make_retrying(&world, (RetryConfig){}, 2);
        last->attempt = 2;
        ck_assert_int_eq(retry_resume(&world.retry, 0, last), 0);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert_uint_eq(plan_get_attempt(world.plan, 0), 3);
        result = make(PTEST_OUTCOME_PASS, NULL);
        ck_assert(!begin(&world, 0, result));
        result = retry_settle(&world.retry, 0, result);
        ck_assert_uint_eq(result->marks, PTEST_MARK_FLAKY);
        ck_assert_uint_eq(result->attempts, 3);
        result_free(result);
        world_drop(&world);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/retry");
        TCase *tcase = tcase_create("retry");

        tcase_add_test(tcase, victim_is_run_again_alone_and_once);
        tcase_add_test(tcase, who_is_over_a_limit_of_its_own_is_not_run_again);
        tcase_add_test(tcase, second_outcome_says_what_the_first_was);
        tcase_add_test(tcase, bad_outcome_is_tried_again_behind_the_others);
        tcase_add_test(tcase, retries_come_to_an_end);
        tcase_add_test(tcase, first_bad_repeat_is_the_outcome_and_each_is_told_once);
        tcase_add_test(tcase, retries_are_of_the_test_and_repeats_are_in_their_place);
        tcase_add_test(tcase, good_repeats_are_a_pass);
        tcase_add_test(tcase, repeats_that_are_interrupted_keep_what_was_seen);
        tcase_add_test(tcase, attempts_of_an_earlier_run_count);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
