/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/inflight.h"

#include <errno.h>

#include <check.h>

#include "test-runner.h"

static InFlight make(size_t n) {
        InFlight in_flight = {};

        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(
                                in_flight_add(&in_flight,
                                              &(InFlightTask){ .id = i + 10,
                                                               .test = (uint32_t)i,
                                                               .attempt = 1 }),
                                0);
        return in_flight;
}

START_TEST(in_flight_full_takes_no_more)
{
        InFlight in_flight = make(PTEST_TASKS_MAX);

        ck_assert_int_eq(in_flight_add(&in_flight, &(InFlightTask){ .id = 9999 }), -ENOBUFS);
}
END_TEST

START_TEST(in_flight_unknown_id_is_late)
{
        InFlight in_flight = make(2);
        InFlightTask task;

        ck_assert_int_eq(in_flight_finish(&in_flight, 99, &task), -ENOENT);
        ck_assert_int_eq(in_flight_finish(&in_flight, 10, &task), 0);
        ck_assert_int_eq(in_flight_finish(&in_flight, 10, &task), -ENOENT);
        ck_assert_uint_eq(in_flight.n_tasks, 1);
}
END_TEST

START_TEST(in_flight_result_out_of_order_is_refused)
{
        InFlight in_flight = make(3);
        InFlightTask task;

        ck_assert_int_eq(in_flight_finish(&in_flight, 11, &task), -EBADMSG);
        ck_assert_uint_eq(in_flight.n_tasks, 3);
}
END_TEST

START_TEST(in_flight_cancelled_task_leaves_the_order)
{
        InFlight in_flight = make(3);
        InFlightTask task;

        ck_assert_int_eq(in_flight_cancel(&in_flight, 11, &task), 0);
        ck_assert_uint_eq(task.test, 1);
        ck_assert_int_eq(in_flight_finish(&in_flight, 10, &task), 0);
        ck_assert_int_eq(in_flight_finish(&in_flight, 12, &task), 0);
        ck_assert_uint_eq(in_flight.n_tasks, 0);
}
END_TEST

START_TEST(in_flight_dead_worker_settles_running_and_unstarted)
{
        InFlight in_flight = make(3);
        InFlightTask task;
        PtestPage page = { .task_id = 11, .started_count = 2 };

        ck_assert_int_eq(in_flight_finish(&in_flight, 10, &task), 0);
        ck_assert_int_eq(in_flight_settle(&in_flight, 0, &page), SETTLEMENT_RUNNING);
        ck_assert_int_eq(in_flight_settle(&in_flight, 1, &page), SETTLEMENT_UNSTARTED);
}
END_TEST

START_TEST(in_flight_dead_worker_settles_missing_result)
{
        InFlight in_flight = make(3);
        PtestPage page = { .task_id = 11, .started_count = 2 };

        /* Two were started, no result came: the first was run, the second was running. */
        ck_assert_int_eq(in_flight_settle(&in_flight, 0, &page), SETTLEMENT_MISSING);
        ck_assert_int_eq(in_flight_settle(&in_flight, 1, &page), SETTLEMENT_RUNNING);
        ck_assert_int_eq(in_flight_settle(&in_flight, 2, &page), SETTLEMENT_UNSTARTED);
}
END_TEST

START_TEST(in_flight_dead_worker_between_tests_returns_the_rest)
{
        InFlight in_flight = make(2);
        InFlightTask task;
        PtestPage page = { .task_id = 0, .started_count = 1 };

        ck_assert_int_eq(in_flight_finish(&in_flight, 10, &task), 0);
        ck_assert_int_eq(in_flight_settle(&in_flight, 0, &page), SETTLEMENT_UNSTARTED);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("coordinator/inflight");
        TCase *tcase = tcase_create("inflight");

        tcase_add_test(tcase, in_flight_full_takes_no_more);
        tcase_add_test(tcase, in_flight_unknown_id_is_late);
        tcase_add_test(tcase, in_flight_result_out_of_order_is_refused);
        tcase_add_test(tcase, in_flight_cancelled_task_leaves_the_order);
        tcase_add_test(tcase, in_flight_dead_worker_settles_running_and_unstarted);
        tcase_add_test(tcase, in_flight_dead_worker_settles_missing_result);
        tcase_add_test(tcase, in_flight_dead_worker_between_tests_returns_the_rest);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
