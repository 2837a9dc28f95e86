/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "basic/array.h"
#include "basic/log.h"
#include "basic/text.h"
#include "coordinator/coordinator-internal.h"
#include "model/address-table.h"

/* A test that is not there yet: its attempts and its outcome, as far as they are carried, in their order. */
struct CarriedTest {
        Event **events; /* one at least */
        size_t n_events;
        char *address;
        UT_hash_handle hh;
};

static void carried_test_free(CarriedTest *test) {
        for (size_t i = 0; i < test->n_events; i++)
                event_free(test->events[i]);
        free(test->events);
        free(test->address);
        free(test);
}

void carry_done(Carry *carry) {
        CarriedTest *test, *next;

        HASH_ITER(hh, carry->waiting, test, next) {
                HASH_DEL(carry->waiting, test);
                carried_test_free(test);
        }
        *carry = (Carry){};
}

static CarriedTest *carry_get(Carry *carry, const char *address) {
        CarriedTest *test = NULL;

        HASH_FIND_STR(carry->waiting, address, test);
        if (test)
                return test;
        test = calloc(1, sizeof(*test));
        if (!test)
                return NULL;
        test->address = strdup(address);
        if (!test->address) {
                free(test);
                return NULL;
        }
        HASH_ADD_KEYPTR(hh, carry->waiting, test->address, strlen(test->address), test);
        return test;
}

/* Takes the event. */
static int carry_keep(Carry *carry, Event *event) {
        _cleanup_(event_freep) Event *owned = event;
        CarriedTest *test = carry_get(carry, owned->result->address);

        if (!test || array_fit(test->events, test->n_events + 1) < 0)
                return -ENOMEM;
        test->events[test->n_events++] = TAKE_PTR(owned);
        return 0;
}

/* Takes the event. */
static void carry_complete(Carry *carry, Coordinator *coordinator, uint32_t test, Event *event) {
        const Result *result = event->result;

        if (plan_complete(coordinator->plan, test, result->outcome, result->marks) < 0) {
                event_free(event);
                return;
        }
        retry_forget(&coordinator->retry, test);
        carry->n_bad += outcome_is_bad(result->outcome);
        coordinator_note_flaky(coordinator, test, result);
        schedule_on_done(coordinator->dispatch.schedule, test);
        coordinator_wake(coordinator);
        growth_tell(&coordinator->growth);
        event_log_carry(&coordinator->log, event);
}

/* Takes the event, an attempt or an outcome of a test that is there. */
static int carry_tell(Carry *carry, Coordinator *coordinator, uint32_t test, Event *event) {
        int r;

        if (event->kind != EVENT_ATTEMPT_FINISHED) {
                carry_complete(carry, coordinator, test, event);
                return 0;
        }
        r = retry_resume(&coordinator->retry, test, event->result);
        event_log_carry(&coordinator->log, event);
        return r;
}

/* A tear-down that failed is a part of the verdict, whoever saw it. */
static void carry_fixture(Coordinator *coordinator, Event *event) {
        Fixtures *fixtures = &coordinator->fixtures;

        fixtures->any_failed = true;
        if (!fixtures->failure)
                (void)text_setf(&fixtures->failure,
                                "%s failed in the run that this one goes on with",
                                event->result->address);
        event_log_carry(&coordinator->log, event);
}

/* Takes the event. */
static int carry_take(
                Carry *carry, Coordinator *coordinator, const AddressTable *table, Event *event) {
        uint32_t test = 0;
        bool there;

        if (event->kind == EVENT_FIXTURE_FAILED) {
                carry_fixture(coordinator, event);
                return 0;
        }
        if (event->kind == EVENT_TESTS_FOUND) {
                event->tests_found.planned = coordinator->suite->n_tests;
                event_log_carry(&coordinator->log, event);
                return 0;
        }
        there = address_table_get(table, coordinator->suite, event->result->address, &test);
        if (!there)
                return carry_keep(carry, event);
        return carry_tell(carry, coordinator, test, event);
}

static int carry_take_all(Carry *carry, Coordinator *coordinator, const AddressTable *table) {
        const CoordinatorConfig *config = &coordinator->config;

        for (;;) {
                Event *event = NULL;
                int r = config->next_carried(&event, config->userdata);

                if (r > 0)
                        r = carry_take(carry, coordinator, table, event) < 0 ? -ENOMEM : 1;
                if (r <= 0)
                        return r;
        }
}

void carry_begin(Carry *carry, Coordinator *coordinator) {
        _cleanup_(address_table_done) AddressTable table = {};
        const Suite *suite = coordinator->suite;
        uint32_t first;
        int r;

        if (!coordinator->config.next_carried)
                return;
        r = address_table_init(&table, suite->n_tests);
        for (size_t i = 0; r == 0 && i < suite->n_tests; i++)
                r = address_table_add(&table, suite, (uint32_t)i, &first);
        if (r >= 0)
                r = carry_take_all(carry, coordinator, &table);
        if (r < 0)
                log_error_errno(r, "Failed to carry results over, tests are run again: %m");
}

bool carry_complete_found(Carry *carry, Coordinator *coordinator, uint32_t test) {
        CarriedTest *found = NULL;
        int r = 0;

        HASH_FIND_STR(carry->waiting, coordinator->suite->tests[test]->address, found);
        if (!found)
                return false;
        HASH_DEL(carry->waiting, found);
        for (size_t i = 0; i < found->n_events && r >= 0; i++)
                r = carry_tell(carry, coordinator, test, TAKE_PTR(found->events[i]));
        if (r < 0)
                log_error_errno(r, "Failed to carry attempts over, they are made again: %m");
        carried_test_free(found);
        return plan_get_state(coordinator->plan, test) == PLAN_DONE;
}
