/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading the state of all units of the suite: tells our scopes theirs, and finds strays
 *
 * Strays are scopes of the same suite whose coordinator is dead, which the lock of its run id tells (lock.h).
 */

#include <string.h>
#include <utlist.h>

#include "backend/escape.h"
#include "backend/scope.h"
#include "basic/log.h"

/* Replies get lost in bunches; one listing is enough for all. */
#define SYNC_DELAY_USEC (50 * USEC_PER_MSEC)
#define SYNC_RETRY_USEC (1 * USEC_PER_SEC)

static void systemd_stop_stray(Systemd *systemd, const char *unit) {
        char run_id[33];

        if (!escape_find_run_id(unit, systemd->prefix, run_id) ||
            strcmp(run_id, systemd->backend.run_id) == 0 || lock_is_held(run_id))
                return;

        log_info("Stopping %s, whose coordinator is dead", unit);
        systemd_send(systemd, "StopUnit", "ss", unit, "replace");
}

void systemd_mark_scopes(Systemd *systemd) {
        Scope *scope;

        DL_FOREACH(systemd->scopes, scope)
        scope->to_visit = true;
}

Scope *systemd_take_marked(Systemd *systemd) {
        Scope *scope;

        DL_FOREACH(systemd->scopes, scope)
        if (scope->to_visit) {
                scope->to_visit = false;
                return scope;
        }

        return NULL;
}

static const char *message_find_state(sd_bus_message *reply, const char *wanted) {
        const char *unit, *active, *found = NULL;

        (void)sd_bus_message_rewind(reply, true);
        if (sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
                return NULL;

        while (sd_bus_message_read(
                               reply,
                               "(ssssssouso)",
                               &unit,
                               NULL,
                               NULL,
                               &active,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL) > 0)
                if (strcmp(unit, wanted) == 0)
                        found = active;

        return found;
}

static void systemd_tell_states(Systemd *systemd, sd_bus_message *reply) {
        Scope *scope;

        systemd_mark_scopes(systemd);
        while ((scope = systemd_take_marked(systemd)))
                scope_on_sync(scope, message_find_state(reply, scope->unit));
}

static void systemd_find_strays(Systemd *systemd, sd_bus_message *reply) {
        const char *unit;

        if (sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
                return;

        while (sd_bus_message_read(
                               reply,
                               "(ssssssouso)",
                               &unit,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL,
                               NULL) > 0)
                systemd_stop_stray(systemd, unit);
}

static int systemd_on_sync_timer(sd_event_source *source, uint64_t usec, void *userdata);

static int systemd_on_listed(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;

        systemd->list_slot = sd_bus_slot_unref(systemd->list_slot);
        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_debug("Failed to list units: %s", sd_bus_message_get_error(reply)->message);
                (void)systemd_arm(
                                systemd,
                                &systemd->sync_timer,
                                SYNC_RETRY_USEC,
                                systemd_on_sync_timer,
                                "systemd-sync");
                return 0;
        }

        systemd_find_strays(systemd, reply);
        systemd_tell_states(systemd, reply);
        return 0;
}

int systemd_sync(Systemd *systemd) {
        _cleanup_free_ char *pattern = NULL;

        if (!systemd->up || systemd->list_slot)
                return 0;

        int r = escape_scope_pattern(systemd->prefix, &pattern);
        if (r < 0)
                return r;

        return sd_bus_call_method_async(
                        systemd->bus,
                        &systemd->list_slot,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        "ListUnitsByPatterns",
                        systemd_on_listed,
                        systemd,
                        "asas",
                        0,
                        1,
                        pattern);
}

static int systemd_on_sync_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Systemd *systemd = userdata;

        int r = systemd_sync(systemd);
        if (r < 0)
                log_debug("Failed to ask for units: %s", strerror(-r));
        return 0;
}

void systemd_request_sync(Systemd *systemd) {
        int r = systemd_arm(
                        systemd,
                        &systemd->sync_timer,
                        SYNC_DELAY_USEC,
                        systemd_on_sync_timer,
                        "systemd-sync");
        if (r < 0)
                log_warning("Failed to plan a look at the units: %s", strerror(-r));
}
