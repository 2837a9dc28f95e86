/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The connection to the bus: matches, subscription, signals, and coming back after either side was away
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "backend/scope.h"
#include "basic/log.h"
#include "basic/text.h"

static int systemd_subscribe(Systemd *systemd);

/* ---- Signals ---- */

/* On the system bus anybody may send a signal to anybody: only the manager's own count. */
static bool systemd_is_sender(const Systemd *systemd, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        return systemd->direct || (sender && systemd->owner && strcmp(sender, systemd->owner) == 0);
}

static int systemd_on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *job, *unit, *result;

        if (!systemd_is_sender(systemd, m) ||
            sd_bus_message_read(m, "uoss", NULL, &job, &unit, &result) < 0)
                return 0;

        Scope *scope = systemd_find_scope(systemd, unit);
        if (scope)
                scope_on_job_removed(scope, job, result);
        return 0;
}

static int systemd_on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *unit;

        if (!systemd_is_sender(systemd, m) || sd_bus_message_read(m, "so", &unit, NULL) < 0)
                return 0;

        Scope *scope = systemd_find_scope(systemd, unit);
        if (scope)
                scope_on_unit_down(scope);
        return 0;
}

/* ActiveState of a{sv}; the rest is skipped. */
static int message_find_active_state(sd_bus_message *m, const char **ret) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                if (strcmp(name, "ActiveState") == 0)
                        return sd_bus_message_read(m, "v", "s", ret);

                r = sd_bus_message_skip(m, "v");
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : -ENODATA;
}

static int systemd_on_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *path = sd_bus_message_get_path(m), *active = NULL;
        Scope *scope;

        /* Of all units of the machine: most are none of ours. */
        DL_SEARCH_SCALAR(systemd->scopes, scope, state, SCOPE_RUNNING);
        if (!scope || !path || !systemd_is_sender(systemd, m))
                return 0;

        DL_FOREACH(systemd->scopes, scope)
        if (strcmp(scope->unit_path, path) == 0)
                break;
        if (!scope || sd_bus_message_skip(m, "s") < 0 || message_find_active_state(m, &active) < 0)
                return 0;

        if (strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0)
                scope_on_unit_down(scope);
        return 0;
}

/* ---- Connection ---- */

static void systemd_set_down(Systemd *systemd) {
        Scope *scope;

        systemd->up = false;
        systemd->subscribe_slot = sd_bus_slot_unref(systemd->subscribe_slot);
        systemd->list_slot = sd_bus_slot_unref(systemd->list_slot);

        systemd_mark_scopes(systemd);
        while ((scope = systemd_take_marked(systemd)))
                scope_on_bus_lost(scope);
}

static int systemd_on_connect_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Systemd *systemd = userdata;

        int r = systemd_connect(systemd);
        if (r < 0) {
                log_debug("Failed to connect to the bus again: %s", strerror(-r));
                systemd->backoff_usec = MIN(systemd->backoff_usec * 2, SYSTEMD_BACKOFF_MAX_USEC);
                (void)systemd_arm(
                                systemd,
                                &systemd->connect_timer,
                                systemd->backoff_usec,
                                systemd_on_connect_timer,
                                "systemd-connect");
        }
        return 0;
}

static void systemd_reconnect_later(Systemd *systemd) {
        if (systemd->direct)
                return;

        int r = systemd_arm(
                        systemd,
                        &systemd->connect_timer,
                        systemd->backoff_usec,
                        systemd_on_connect_timer,
                        "systemd-connect");
        if (r < 0)
                log_error("Failed to plan a new connection to the bus: %s", strerror(-r));
        systemd->backoff_usec = MIN(systemd->backoff_usec * 2, SYSTEMD_BACKOFF_MAX_USEC);
}

static int systemd_on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        Scope *scope;

        log_info("The connection to the bus was lost");
        DL_FOREACH(systemd->scopes, scope)
        scope->ref_lost = true;
        systemd_set_down(systemd);
        systemd_reconnect_later(systemd);
        return 0;
}

static int systemd_on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) < 0)
                return 0;

        systemd_set_down(systemd);
        if (owner[0] == '\0')
                return 0;

        log_info("The manager came back to the bus as %s", owner);
        int r = systemd_subscribe(systemd);
        if (r < 0)
                log_warning("Failed to subscribe to the manager: %s", strerror(-r));
        return 0;
}

static int systemd_on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;

        systemd->subscribe_slot = sd_bus_slot_unref(systemd->subscribe_slot);

        /* Subscribed already is what a manager says that kept us over its own restart. */
        if (sd_bus_message_is_method_error(reply, NULL) &&
            !sd_bus_message_is_method_error(reply, "org.freedesktop.systemd1.AlreadySubscribed")) {
                log_debug("Failed to subscribe: %s", sd_bus_message_get_error(reply)->message);
                if (sd_bus_is_open(systemd->bus) > 0)
                        systemd_reconnect_later(systemd);
                return 0;
        }

        if (!systemd->direct)
                (void)text_setf(&systemd->owner, "%s", sd_bus_message_get_sender(reply));

        systemd->backoff_usec = SYSTEMD_BACKOFF_FIRST_USEC;
        systemd->up = true;

        int r = systemd_sync(systemd);
        if (r < 0)
                systemd_request_sync(systemd);
        systemd_grant_turns(systemd);
        return 0;
}

static int systemd_subscribe(Systemd *systemd) {
        return sd_bus_call_method_async(
                        systemd->bus,
                        &systemd->subscribe_slot,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        "Subscribe",
                        systemd_on_subscribed,
                        systemd,
                        NULL);
}

static int systemd_match_manager(
                Systemd *systemd,
                sd_bus_slot **slot,
                const char *member,
                sd_bus_message_handler_t handler) {
        return sd_bus_match_signal_async(
                        systemd->bus,
                        slot,
                        systemd->direct ? NULL : "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        member,
                        handler,
                        NULL,
                        systemd);
}

static int systemd_match_properties(Systemd *systemd) {
        _cleanup_free_ char *rule = NULL;

        if (asprintf(&rule,
                     "type='signal',%spath_namespace='/org/freedesktop/systemd1/unit',"
                     "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                     "arg0='org.freedesktop.systemd1.Unit'",
                     systemd->direct ? "" : "sender='org.freedesktop.systemd1',") < 0)
                return -ENOMEM;

        return sd_bus_add_match_async(
                        systemd->bus,
                        &systemd->properties_slot,
                        rule,
                        systemd_on_properties,
                        NULL,
                        systemd);
}

static int systemd_match_bus(Systemd *systemd) {
        int r = sd_bus_match_signal_async(
                        systemd->bus,
                        &systemd->disconnected_slot,
                        "org.freedesktop.DBus.Local",
                        "/org/freedesktop/DBus/Local",
                        "org.freedesktop.DBus.Local",
                        "Disconnected",
                        systemd_on_disconnected,
                        NULL,
                        systemd);
        if (r < 0 || systemd->direct)
                return r;

        return sd_bus_add_match_async(
                        systemd->bus,
                        &systemd->owner_slot,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                        "arg0='org.freedesktop.systemd1'",
                        systemd_on_owner,
                        NULL,
                        systemd);
}

/* All matches go out before the subscription, and this before any call that they watch. */
int systemd_set_up(Systemd *systemd) {
        int r = systemd_match_bus(systemd);
        if (r < 0)
                return r;

        r = systemd_match_manager(
                        systemd, &systemd->job_slot, "JobRemoved", systemd_on_job_removed);
        if (r < 0)
                return r;

        r = systemd_match_manager(
                        systemd, &systemd->unit_slot, "UnitRemoved", systemd_on_unit_removed);
        if (r < 0)
                return r;

        r = systemd_match_properties(systemd);
        if (r < 0)
                return r;

        r = systemd_subscribe(systemd);
        if (r < 0)
                return r;

        /* Closed by us, after the last words to the manager, and not by the end of the loop. */
        (void)sd_bus_set_close_on_exit(systemd->bus, false);
        return sd_bus_attach_event(systemd->bus, systemd->backend.event, SD_EVENT_PRIORITY_NORMAL);
}

void systemd_drop_bus(Systemd *systemd) {
        systemd->disconnected_slot = sd_bus_slot_unref(systemd->disconnected_slot);
        systemd->owner_slot = sd_bus_slot_unref(systemd->owner_slot);
        systemd->job_slot = sd_bus_slot_unref(systemd->job_slot);
        systemd->unit_slot = sd_bus_slot_unref(systemd->unit_slot);
        systemd->properties_slot = sd_bus_slot_unref(systemd->properties_slot);
        systemd->subscribe_slot = sd_bus_slot_unref(systemd->subscribe_slot);
        systemd->list_slot = sd_bus_slot_unref(systemd->list_slot);
        if (systemd->bus)
                (void)sd_bus_detach_event(systemd->bus);
        systemd->bus = sd_bus_flush_close_unref(systemd->bus);
}

int systemd_connect(Systemd *systemd) {
        systemd_drop_bus(systemd);

        int r = systemd->backend.kind == BACKEND_SYSTEM ? sd_bus_open_system(&systemd->bus) :
                                                          sd_bus_open_user(&systemd->bus);
        if (r < 0)
                return r;

        return systemd_set_up(systemd);
}
