/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "coordinator/retry.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Three tests in a row, on two places. */
typedef struct World {
        Suite *suite;
        Plan *plan;
        Schedule *schedule;
        Retry retry;
} World;

static void world_make(World *world) {
        *world = (World){};
        ck_assert_int_eq(suite_new("x", &world->suite), 0);
        for (int i = 0; i < 3; i++) {
                Test *test = NULL;

                ck_assert_int_eq(test_new((const char *const[]){ "a", "b", "c" }[i], &test), 0);
                ck_assert_int_eq(suite_add(world->suite, test), 0);
        }
        ck_assert_int_eq(plan_new(3, &world->plan), 0);
        ck_assert_int_eq(schedule_new(world->suite, 2, &world->schedule), 0);
        world->retry = (Retry){ .suite = world->suite,
                                .plan = world->plan,
                                .schedule = world->schedule };
}

static void world_drop(World *world) {
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

static Result *oom(OomOwner owner) {
        Result *result = NULL;

        ck_assert_int_eq(result_new("a", &result), 0);
        result->outcome = PTEST_OUTCOME_OOM;
        result->oom_owner = owner;
        ck_assert_int_ge(result_set_reason(result, "killed"), 0);
        return result;
}

static void done(World *world, uint32_t test) {
        ck_assert_int_eq(plan_complete(world->plan, test, PTEST_OUTCOME_PASS, 0), 0);
        schedule_on_done(world->schedule, test);
}

START_TEST(victim_is_run_again_alone_and_once)
{
        World world;
        _cleanup_(result_freep) Result *first = oom(OOM_OWNER_SLICE);

        world_make(&world);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert_int_eq(give(&world, 1), 1);

        ck_assert(retry_begin(&world.retry, 0, first));
        ck_assert_uint_eq(plan_get_attempt(world.plan, 0), 2);
        /* Nothing beside it: the other place still has one, and gets no further one before. */
        ck_assert_int_eq(give(&world, 0), -1);
        done(&world, 1);
        ck_assert_int_eq(give(&world, 1), 0);
        ck_assert_int_eq(give(&world, 0), -1);
        ck_assert(!retry_begin(&world.retry, 0, first));
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

        world_make(&world);
        ck_assert_int_eq(give(&world, 0), 0);
        crash->outcome = PTEST_OUTCOME_CRASH;
        ck_assert(!retry_begin(&world.retry, 0, own));
        ck_assert(!retry_begin(&world.retry, 0, workers));
        ck_assert(!retry_begin(&world.retry, 0, unknown));
        ck_assert(!retry_begin(&world.retry, 0, crash));
        ck_assert_uint_eq(plan_get_attempt(world.plan, 0), 1);
        world_drop(&world);
}
END_TEST

START_TEST(second_outcome_says_what_the_first_was)
{
        _cleanup_(result_freep) Result *first = oom(OOM_OWNER_MACHINE), *pass = NULL,
                                       *again = oom(OOM_OWNER_MACHINE), *not_run = NULL,
                                       *other = NULL;
        World world;

        world_make(&world);
        ck_assert_int_eq(give(&world, 0), 0);
        ck_assert(retry_begin(&world.retry, 0, first));

        ck_assert_int_eq(result_new("a", &pass), 0);
        pass->outcome = PTEST_OUTCOME_PASS;
        retry_tell(&world.retry, 0, pass);
        ck_assert_int_eq(pass->outcome, PTEST_OUTCOME_PASS);
        ck_assert_str_eq(pass->reason, "run again alone, after attempt 1 was an oom: killed");
        ck_assert_uint_eq(pass->marks, PTEST_MARK_FLAKY);

        retry_tell(&world.retry, 0, again);
        ck_assert_int_eq(again->outcome, PTEST_OUTCOME_OOM);
        ck_assert_str_eq(
                        again->reason,
                        "killed; run again alone, after attempt 1 was an oom: killed");
        ck_assert_uint_eq(again->marks, 0);

        /* What was seen counts, and not that it was not seen again. */
        ck_assert_int_eq(result_new("a", &not_run), 0);
        not_run->outcome = PTEST_OUTCOME_NOT_RUN;
        ck_assert_int_ge(result_set_reason(not_run, "interrupted"), 0);
        retry_tell(&world.retry, 0, not_run);
        ck_assert_int_eq(not_run->outcome, PTEST_OUTCOME_OOM);
        ck_assert_str_eq(not_run->reason, "killed; not run again: interrupted");

        ck_assert_int_eq(result_new("b", &other), 0);
        retry_tell(&world.retry, 1, other);
        ck_assert_ptr_null(other->reason);
        world_drop(&world);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/retry");
        TCase *tcase = tcase_create("retry");
        SRunner *runner;
        int failed;

        tcase_add_test(tcase, victim_is_run_again_alone_and_once);
        tcase_add_test(tcase, who_is_over_a_limit_of_its_own_is_not_run_again);
        tcase_add_test(tcase, second_outcome_says_what_the_first_was);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? 0 : 1;
}
