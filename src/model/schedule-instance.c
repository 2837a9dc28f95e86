/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is set up, and where: an instance is active at the place that set it up, until it is torn down or its
 * place's worker is gone. Then it is an orphan, which any place may tear down.
 */

#include "model/schedule-internal.h"

#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"

static int list_append(uint32_t **list, size_t *n, uint32_t value) {
        if (array_fit(*list, *n + 1) < 0)
                return -ENOMEM;
        (*list)[(*n)++] = value;
        return 0;
}

static void list_remove(uint32_t *list, size_t *n, uint32_t value) {
        size_t to = 0;

        for (size_t i = 0; i < *n; i++)
                if (list[i] != value)
                        list[to++] = list[i];
        *n = to;
}

uint32_t place_find_active(const Schedule *schedule, unsigned place, uint32_t context) {
        const Place *p = &schedule->places[place];

        for (size_t i = p->n_active; i > 0; i--)
                if (get_instance(schedule, p->active[i - 1])->context == context)
                        return p->active[i - 1];
        return 0;
}

uint32_t schedule_find_instance(const Schedule *schedule, unsigned place, uint32_t context) {
        if (context == CONTEXT_NONE)
                return 0;
        return is_shared(schedule, context) ? schedule->nodes[context].instance :
                                              place_find_active(schedule, place, context);
}

int instance_new(Schedule *schedule, unsigned place, uint32_t context, uint32_t *ret) {
        uint32_t parent = schedule_find_instance(schedule, place, get_parent(schedule, context));
        int r;

        r = array_fit(schedule->instances, schedule->n_instances + 1);
        if (r < 0)
                return r;
        r = list_append(&schedule->places[place].active,
                        &schedule->places[place].n_active,
                        (uint32_t)schedule->n_instances + 1);
        if (r < 0)
                return r;
        schedule->instances[schedule->n_instances++] = (Instance){
                .context = context,
                .parent = parent,
                .state = INSTANCE_UP,
                .place = place,
        };
        if (parent != 0)
                get_instance(schedule, parent)->n_children++;
        if (is_shared(schedule, context))
                schedule->nodes[context].instance = (uint32_t)schedule->n_instances;
        schedule->n_alive++;
        *ret = (uint32_t)schedule->n_instances;
        return 0;
}

void instance_settle(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);

        if (!instance->fresh)
                return;
        instance->fresh = false;
        schedule->nodes[instance->context].n_fresh--;
        schedule->changed = true;
}

void place_settle(Schedule *schedule, unsigned place) {
        for (size_t i = 0; i < schedule->places[place].n_active; i++)
                instance_settle(schedule, schedule->places[place].active[i]);
}

void instance_drop(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);
        Node *node = &schedule->nodes[instance->context];

        instance_settle(schedule, number);

        assert(instance->state != INSTANCE_GONE);
        assert(instance->n_children == 0);
        if (instance->place != NO_PLACE)
                list_remove(schedule->places[instance->place].active,
                            &schedule->places[instance->place].n_active,
                            number);
        else {
                list_remove(schedule->orphans, &schedule->n_orphans, number);
                if (node->unit != CONTEXT_NONE)
                        schedule->nodes[node->unit].n_orphans--;
        }
        if (instance->parent != 0)
                get_instance(schedule, instance->parent)->n_children--;
        if (node->instance == number)
                node->instance = 0;
        instance->state = INSTANCE_GONE;
        instance->exports = strv_free(instance->exports);
        schedule->n_alive--;
}

/* Where one was set up, what the set-up has left running is ended with the tear-down, be there a command or not. */
bool instance_needs_tear_down(const Schedule *schedule, const Instance *instance) {
        const Context *context = get_context(schedule, instance->context);

        return context->tear_down || (instance->place != NO_PLACE && context->set_up);
}

bool instance_is_due(const Schedule *schedule, const Instance *instance) {
        if ((instance->state != INSTANCE_UP && instance->state != INSTANCE_FAILED) ||
            instance->n_children > 0)
                return false;
        if (instance->state == INSTANCE_FAILED || schedule->nodes[instance->context].n_undone == 0)
                return true;
        if (instance->place == NO_PLACE)
                return !is_shared(schedule, instance->context);
        return schedule->places[instance->place].closing;
}

/* ---- What came of it ---- */

/* The place that is at an instance's fixture: not its own, for an orphan. */
static void schedule_end_fixture(Schedule *schedule, uint32_t instance) {
        for (unsigned i = 0; i < schedule->n_places; i++)
                if (schedule->places[i].fixture == instance) {
                        schedule->places[i].fixture = 0;
                        schedule->n_fixtures--;
                        return;
                }
}

void schedule_on_set_up(Schedule *schedule, uint32_t number, ScheduleSetUp how, char **exports) {
        Instance *instance = get_instance(schedule, number);

        assert(instance->state == INSTANCE_SETTING_UP);
        schedule_end_fixture(schedule, number);
        instance->exports = exports;
        instance->state = how == SCHEDULE_SET_UP_GOOD ? INSTANCE_UP : INSTANCE_FAILED;
        instance->failed = how != SCHEDULE_SET_UP_GOOD;
        schedule->nodes[instance->context].failed |= instance->failed;
        if (instance->failed)
                instance_settle(schedule, number);
        if (how == SCHEDULE_SET_UP_SKIPPED)
                instance_drop(schedule, number);
}

void schedule_on_torn_down(Schedule *schedule, uint32_t instance) {
        assert(get_instance(schedule, instance)->state == INSTANCE_TEARING_DOWN);
        schedule_end_fixture(schedule, instance);
        instance_drop(schedule, instance);
}

void schedule_on_fixture_returned(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);

        schedule_end_fixture(schedule, number);
        if (instance->state == INSTANCE_SETTING_UP)
                instance_drop(schedule, number);
        else
                instance->state = instance->failed ? INSTANCE_FAILED : INSTANCE_UP;
}

static void instance_orphan(Schedule *schedule, uint32_t number) {
        Instance *instance = get_instance(schedule, number);
        Node *node = &schedule->nodes[instance->context];

        instance->place = NO_PLACE;
        instance_settle(schedule, number);
        if (node->unit != CONTEXT_NONE)
                schedule->nodes[node->unit].n_orphans++;
        if (is_shared(schedule, instance->context))
                node->failed = true;
        /* Without memory it is dropped as one that nobody can tear down would be. */
        if (list_append(&schedule->orphans, &schedule->n_orphans, number) < 0 ||
            (!instance_needs_tear_down(schedule, instance) && instance->n_children == 0))
                instance_drop(schedule, number);
}

void schedule_on_gone(Schedule *schedule, unsigned place) {
        Place *p = &schedule->places[place];
        size_t n = p->n_active;

        assert(p->n_tests == 0 && p->fixture == 0);
        p->n_active = 0;
        for (size_t i = n; i > 0; i--)
                instance_orphan(schedule, p->active[i - 1]);
        if (p->unit != CONTEXT_NONE)
                schedule->nodes[p->unit].taken = NO_PLACE;
        p->unit = CONTEXT_NONE;
        p->closing = false;
        if (schedule->exclusive_place == place)
                schedule->exclusive_place = NO_PLACE;
}

uint32_t schedule_drop_instance(Schedule *schedule) {
        for (size_t i = schedule->n_instances; i > 0; i--)
                if (schedule->instances[i - 1].state != INSTANCE_GONE) {
                        schedule->instances[i - 1].n_children = 0;
                        instance_drop(schedule, (uint32_t)i);
                        return (uint32_t)i;
                }
        return 0;
}

/* ---- Exports ---- */

uint32_t schedule_get_context(const Schedule *schedule, uint32_t instance) {
        return get_instance(schedule, instance)->context;
}

int schedule_get_exports(const Schedule *schedule, uint32_t instance, char ***ret) {
        _cleanup_strv_ char **exports = NULL;
        const Instance *i;
        int r;

        if (instance == 0) {
                *ret = NULL;
                return 0;
        }
        i = get_instance(schedule, instance);
        r = schedule_get_exports(schedule, i->parent, &exports);
        if (r >= 0)
                r = strv_extend_strv(&exports, i->exports);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(exports);
        return 0;
}

int schedule_get_test_exports(
                const Schedule *schedule, uint32_t test, unsigned place, char ***ret) {
        return schedule_get_exports(
                        schedule,
                        schedule_find_instance(
                                        schedule,
                                        place,
                                        schedule->suite->tests[test]->traits->context),
                        ret);
}
