/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "basic/log.h"
#include "basic/text.h"
#include "coordinator/coordinator-internal.h"
#include "model/address-table.h"

/* The one event of a test that is not there yet. Its attempts are told. */
struct CarriedTest {
        Event *event;
        const char *address; /* weak: owned by the event */
        UT_hash_handle hh;
};

static void carry_drop(Carry *carry, CarriedTest *test) {
        HASH_DEL(carry->waiting, test);
        event_free(test->event);
        free(test);
}

void carry_done(Carry *carry) {
        CarriedTest *test, *next;

        HASH_ITER(hh, carry->waiting, test, next)
        carry_drop(carry, test);
        *carry = (Carry){};
}

static int carry_keep(Carry *carry, Event *event) {
        CarriedTest *test = calloc(1, sizeof(*test));

        if (!test) {
                event_free(event);
                return -ENOMEM;
        }
        test->event = event;
        test->address = event->result->address;
        HASH_ADD_KEYPTR(hh, carry->waiting, test->address, strlen(test->address), test);
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
        schedule_on_done(coordinator->dispatch.schedule, test);
        coordinator_wake(coordinator);
        growth_tell(&coordinator->growth);
        event_log_carry(&coordinator->log, event);
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
        int r = 0;

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
        if (event->kind == EVENT_ATTEMPT_FINISHED) {
                if (there)
                        r = retry_resume(&coordinator->retry, test, event->result);
                event_log_carry(&coordinator->log, event);
                return r;
        }
        if (!there)
                return carry_keep(carry, event);
        carry_complete(carry, coordinator, test, event);
        return 0;
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
        const char *address = coordinator->suite->tests[test]->address;
        CarriedTest *found = NULL;
        Event *event;

        HASH_FIND_STR(carry->waiting, address, found);
        if (!found)
                return false;
        event = TAKE_PTR(found->event);
        HASH_DEL(carry->waiting, found);
        free(found);
        carry_complete(carry, coordinator, test, event);
        return true;
}
