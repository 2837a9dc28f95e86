/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a place holds: when it held all others back it lets them go on, also those that were asked before it; and it does
 * not hold on to a whole context without what is around it
 */

#include "model/schedule.h"

#include <check.h>

#include "basic/clock.h"
#include "test-runner.h"

typedef struct World {
        Suite *suite;
        Schedule *schedule;
} World;

static void add_context(World *world, uint32_t parent, ContextMode mode, bool exclusive) {
        Context *context = NULL;

        ck_assert_int_eq(context_new("c", &context), 0);
        context->parent = parent;
        context->mode = mode;
        context->exclusive = exclusive;
        ck_assert_int_eq(test_new("tear-down", &context->tear_down), 0);
        ck_assert_int_eq(suite_add_context(world->suite, context), 0);
}

static void add_test(World *world, const char *address, uint32_t context, int priority) {
        Test *test = NULL;

        ck_assert_int_eq(test_new(address, &test), 0);
        test->context = context;
        test->priority = priority;
        ck_assert_int_eq(suite_add(world->suite, test), 0);
}

static ScheduleStep next(World *world, unsigned place) {
        uint32_t tests[4];
        ScheduleStep step;

        ck_assert_int_eq(schedule_next(world->schedule, place, tests, 4, &step), 0);
        return step;
}

/* The instance, of a fixture */
static uint32_t begin_next(World *world, unsigned place, ScheduleAction action, uint32_t context) {
        ScheduleStep step = next(world, place);

        ck_assert_int_eq(step.action, action);
        ck_assert_uint_eq(step.context, context);
        return step.instance;
}

static void assert_next(World *world, unsigned place, ScheduleAction action, uint32_t context) {
        uint32_t instance = begin_next(world, place, action, context);

        if (action == SCHEDULE_TEAR_DOWN)
                schedule_on_torn_down(world->schedule, instance);
        else if (action == SCHEDULE_SET_UP)
                schedule_on_set_up(world->schedule, instance, SCHEDULE_SET_UP_GOOD, NULL);
}

/* A split context with an exclusive whole one in it: 0 holds the first up when 1 is through with the second. */
START_TEST(an_exclusive_unit_that_is_over_lets_others_tear_down)
{
        World world = {};

        ck_assert_int_eq(suite_new("x", &world.suite), 0);
        add_context(&world, CONTEXT_NONE, CONTEXT_SPLIT, false);
        add_context(&world, 1, CONTEXT_WHOLE, true);
        add_test(&world, "beside", 1, 0);
        add_test(&world, "alone", 2, 0);
        ck_assert_int_eq(schedule_new(world.suite, 2, &world.schedule), 0);

        assert_next(&world, 0, SCHEDULE_TESTS, 1);
        schedule_on_done(world.schedule, 0);
        assert_next(&world, 1, SCHEDULE_TESTS, 2);
        assert_next(&world, 0, SCHEDULE_NOTHING, 0);
        schedule_on_done(world.schedule, 1);
        for (uint32_t context = 2; context > 0; context--) {
                assert_next(&world, 0, SCHEDULE_NOTHING, 0);
                assert_next(&world, 1, SCHEDULE_TEAR_DOWN, context);
        }
        assert_next(&world, 0, SCHEDULE_NOTHING, 0);
        (void)schedule_take_changed(world.schedule);
        assert_next(&world, 1, SCHEDULE_NOTHING, 0);
        ck_assert(schedule_take_changed(world.schedule));
        assert_next(&world, 0, SCHEDULE_TEAR_DOWN, 1);
        ck_assert(schedule_is_clean(world.schedule));

        schedule_free(world.schedule);
        suite_free(world.suite);
}
END_TEST

/* 0 is through with a whole context, and at another tear-down, while the shared one around the first goes and comes. */
START_TEST(a_unit_that_grows_waits_for_what_is_around_it)
{
        World world = {};
        uint32_t tear_down, set_up;

        ck_assert_int_eq(suite_new("x", &world.suite), 0);
        add_context(&world, CONTEXT_NONE, CONTEXT_SPLIT, false);
        add_context(&world, CONTEXT_NONE, CONTEXT_SHARED, false);
        ck_assert_int_eq(test_new("set-up", &world.suite->contexts[1]->set_up), 0);
        add_context(&world, 2, CONTEXT_WHOLE, false);
        add_test(&world, "first", 1, 2);
        add_test(&world, "inside", 3, 1);
        add_test(&world, "last", 1, 0);
        ck_assert_int_eq(schedule_new(world.suite, 1, &world.schedule), 0);

        assert_next(&world, 0, SCHEDULE_TESTS, 1);
        schedule_on_done(world.schedule, 0);
        (void)schedule_count_startable(world.schedule, 1);
        assert_next(&world, 1, SCHEDULE_SET_UP, 2);
        assert_next(&world, 0, SCHEDULE_TESTS, 3);
        schedule_on_done(world.schedule, 1);
        schedule_on_done(world.schedule, 2);
        assert_next(&world, 0, SCHEDULE_TEAR_DOWN, 3);
        tear_down = begin_next(&world, 0, SCHEDULE_TEAR_DOWN, 1);
        assert_next(&world, 1, SCHEDULE_TEAR_DOWN, 2);

        add_test(&world, "found", 3, 1);
        ck_assert_int_eq(schedule_add(world.schedule), 0);
        (void)schedule_count_startable(world.schedule, 1);
        set_up = begin_next(&world, 1, SCHEDULE_SET_UP, 2);
        schedule_on_torn_down(world.schedule, tear_down);
        assert_next(&world, 0, SCHEDULE_NOTHING, 0);
        schedule_on_set_up(world.schedule, set_up, SCHEDULE_SET_UP_GOOD, NULL);
        assert_next(&world, 0, SCHEDULE_TESTS, 3);
        schedule_on_done(world.schedule, 3);
        assert_next(&world, 0, SCHEDULE_TEAR_DOWN, 3);
        assert_next(&world, 1, SCHEDULE_TEAR_DOWN, 2);
        ck_assert(schedule_is_clean(world.schedule));

        schedule_free(world.schedule);
        suite_free(world.suite);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("model-schedule-hold");
        TCase *tcase = tcase_create("hold");

        tcase_add_test(tcase, an_exclusive_unit_that_is_over_lets_others_tear_down);
        tcase_add_test(tcase, a_unit_that_grows_waits_for_what_is_around_it);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
