/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The systemd backends: one connection to the manager of the system or of the user
 *
 * What a call or a signal would have told is never relied upon alone: whenever the connection or the manager was away,
 * or a reply got lost, all our units are listed and each scope is told its state. Failures of the bus
 * are never failures of a worker.
 *
 * A connection has at most JOBS_MAX jobs outstanding: the manager installs a match for each at the bus, which
 * allows 512, and at the limit the manager's own connection breaks.
 *
 * Strays are scopes of the same suite whose coordinator is dead, which the lock of its run id tells (lock.h). They
 * are found by the same listing.
 */

#include "backend/systemd.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-login.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/escape.h"
#include "backend/probe.h"
#include "backend/scope.h"
#include "basic/log.h"
#include "basic/text.h"

#define JOBS_MAX 32U

#define BACKOFF_FIRST_USEC (50 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC   (2 * USEC_PER_SEC)
/* Replies get lost in bunches; one listing is enough for all. */
#define SYNC_DELAY_USEC    (50 * USEC_PER_MSEC)
#define SYNC_RETRY_USEC    (1 * USEC_PER_SEC)
#define FLUSH_USEC         (1 * USEC_PER_SEC)

static const SystemdTimeouts default_timeouts = {
        .start_usec = 30 *
                        USEC_PER_SEC, /* as runc has it; a manager that is loading units is late */
        .stop_usec = 3 * USEC_PER_SEC,
        .kill_usec = 10 * USEC_PER_SEC, /* a process in uninterruptible sleep may come back */
        .query_usec = 2 * USEC_PER_SEC,
        .suspect_usec = 1 * USEC_PER_SEC,
};

static int systemd_connect(Systemd *systemd);
static int systemd_subscribe(Systemd *systemd);

static int systemd_arm(
                Systemd *systemd,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler,
                const char *description) {
        if (*source) {
                int r = sd_event_source_set_time_relative(*source, usec);
                if (r < 0)
                        return r;

                return sd_event_source_set_enabled(*source, SD_EVENT_ONESHOT);
        }

        int r = sd_event_add_time_relative(
                        systemd->backend.event, source, CLOCK_MONOTONIC, usec, 1, handler, systemd);
        if (r >= 0)
                (void)sd_event_source_set_description(*source, description);
        return r;
}

/* ---- Turns ---- */

static void systemd_grant_turns(Systemd *systemd) {
        while (systemd->up && systemd->waiting && systemd->n_jobs < JOBS_MAX) {
                Scope *scope = systemd->waiting;

                DL_DELETE2(systemd->waiting, scope, waiting_prev, waiting_next);
                scope->waits_for_turn = false;
                scope->has_turn = true;
                systemd->n_jobs++;
                scope_on_turn(scope);
        }
}

void systemd_request_turn(Systemd *systemd, Scope *scope, bool urgent) {
        if (scope->has_turn) {
                if (systemd->up)
                        scope_on_turn(scope);
                return;
        }

        if (scope->waits_for_turn)
                DL_DELETE2(systemd->waiting, scope, waiting_prev, waiting_next);

        scope->waits_for_turn = true;
        if (urgent)
                DL_PREPEND2(systemd->waiting, scope, waiting_prev, waiting_next);
        else
                DL_APPEND2(systemd->waiting, scope, waiting_prev, waiting_next);

        systemd_grant_turns(systemd);
}

void systemd_return_turn(Systemd *systemd, Scope *scope) {
        if (scope->waits_for_turn) {
                DL_DELETE2(systemd->waiting, scope, waiting_prev, waiting_next);
                scope->waits_for_turn = false;
        }

        if (scope->has_turn) {
                scope->has_turn = false;
                assert(systemd->n_jobs > 0);
                systemd->n_jobs--;
                systemd_grant_turns(systemd);
        }
}

void systemd_add_scope(Systemd *systemd, Scope *scope) {
        DL_APPEND(systemd->scopes, scope);
}

void systemd_remove_scope(Systemd *systemd, Scope *scope) {
        DL_DELETE(systemd->scopes, scope);
        systemd_return_turn(systemd, scope);
}

static Scope *systemd_find_scope(Systemd *systemd, const char *unit) {
        Scope *scope;

        DL_FOREACH(systemd->scopes, scope)
        if (strcmp(scope->unit, unit) == 0)
                return scope;

        return NULL;
}

/* ---- Calls ---- */

bool systemd_error_is_trouble(const sd_bus_error *error) {
        return sd_bus_error_has_names(
                        error,
                        SD_BUS_ERROR_NO_REPLY,
                        SD_BUS_ERROR_TIMEOUT,
                        SD_BUS_ERROR_DISCONNECTED,
                        SD_BUS_ERROR_SERVICE_UNKNOWN,
                        SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

void systemd_send(Systemd *systemd, const char *member, const char *types, ...) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        va_list ap;

        if (!systemd->up)
                return;

        int r = sd_bus_message_new_method_call(
                        systemd->bus,
                        &m,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        member);

        va_start(ap, types);
        if (r >= 0)
                r = sd_bus_message_appendv(m, types, ap);
        va_end(ap);

        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        if (r >= 0)
                r = sd_bus_send(systemd->bus, m, NULL);
        if (r < 0)
                log_debug("Failed to send %s to the manager: %s", member, strerror(-r));
}

/* ---- Reading the state of all units ---- */

static void systemd_stop_stray(Systemd *systemd, const char *unit) {
        char run_id[33];

        if (!escape_find_run_id(unit, systemd->prefix, run_id) ||
            strcmp(run_id, systemd->backend.run_id) == 0 || lock_is_held(run_id))
                return;

        log_info("Stopping %s, whose coordinator is dead", unit);
        systemd_send(systemd, "StopUnit", "ss", unit, "replace");
}

/*
 * Handlers of the coordinator run in between, which may free any scope or start others: so no walk along the list
 * goes on over a call. Marks tell who is still to be visited.
 */
static void systemd_mark_scopes(Systemd *systemd) {
        Scope *scope;

        DL_FOREACH(systemd->scopes, scope)
        scope->to_visit = true;
}

static Scope *systemd_take_marked(Systemd *systemd) {
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

static int systemd_sync(Systemd *systemd) {
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
                systemd->backoff_usec = MIN(systemd->backoff_usec * 2, BACKOFF_MAX_USEC);
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
        systemd->backoff_usec = MIN(systemd->backoff_usec * 2, BACKOFF_MAX_USEC);
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

        systemd->backoff_usec = BACKOFF_FIRST_USEC;
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
static int systemd_set_up(Systemd *systemd) {
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

static void systemd_drop_bus(Systemd *systemd) {
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

static int systemd_connect(Systemd *systemd) {
        systemd_drop_bus(systemd);

        int r = systemd->backend.kind == BACKEND_SYSTEM ? sd_bus_open_system(&systemd->bus) :
                                                          sd_bus_open_user(&systemd->bus);
        if (r < 0)
                return r;

        return systemd_set_up(systemd);
}

/* ---- Life ---- */

/* Only a service: what holds a login session together is not ours to depend on. */
static void systemd_find_own_service(Systemd *systemd) {
        _cleanup_free_ char *unit = NULL;

        int r = systemd->backend.kind == BACKEND_SYSTEM ? sd_pid_get_unit(0, &unit) :
                                                          sd_pid_get_user_unit(0, &unit);
        if (r >= 0 && text_ends_with(unit, ".service"))
                systemd->bound_to = TAKE_PTR(unit);
}

static int systemd_find_user(Systemd *systemd) {
        if (systemd->backend.kind != BACKEND_SYSTEM || systemd->backend.config.uid == 0)
                return 0;

        /* The manager looks the user up: for one that is not in the database the cgroup stays root's. */
        const struct passwd *passwd = getpwuid(systemd->backend.config.uid);
        if (!passwd)
                return 0;

        systemd->user = strdup(passwd->pw_name);
        return systemd->user ? 0 : -ENOMEM;
}

/* Where no scope lived long enough to be seen in the slice, the manager is asked; waits, but not for long. */
static void systemd_find_slice(Systemd *systemd) {
        const char *mount_point = systemd->layout.unified ? systemd->layout.unified :
                                                            systemd->layout.named;
        _cleanup_free_ char *unit_path = NULL, *path = NULL;

        if (!mount_point || !systemd->slice_used || systemd->slice_path || !systemd->up ||
            systemd->direct)
                return;

        int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", systemd->slice, &unit_path);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(systemd->bus, FLUSH_USEC);
        if (r >= 0)
                r = sd_bus_get_property_string(
                                systemd->bus,
                                "org.freedesktop.systemd1",
                                unit_path,
                                "org.freedesktop.systemd1.Slice",
                                "ControlGroup",
                                NULL,
                                &path);
        if (r >= 0 && path[0] == '/')
                (void)text_setf(&systemd->slice_path, "%s%s", mount_point, path);
}

static void systemd_stop_slice(Systemd *systemd) {
        systemd_find_slice(systemd);
        if (!systemd->slice_path)
                return;

        /* Other runs of the suite may use it, and other suites that above it. */
        Cgroup cgroup = { .tree = systemd->slice_path };
        if (!cgroup_is_empty(&cgroup))
                return;
        systemd_send(systemd, "StopUnit", "ss", systemd->slice, "fail");

        char *slash = strrchr(systemd->slice_path, '/');
        if (!slash)
                return;
        *slash = '\0';
        if (text_ends_with(systemd->slice_path, "/ptest.slice") && cgroup_is_empty(&cgroup))
                systemd_send(systemd, "StopUnit", "ss", "ptest.slice", "fail");
}

/*
 * The manager asks the bus who we are before it obeys, and refuses if we have left meanwhile. So our last words
 * are followed by a question whose answer is waited for, though not for long.
 */
static void systemd_flush(Systemd *systemd) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;

        if (!systemd->up || systemd->direct)
                return;

        int r = sd_bus_message_new_method_call(
                        systemd->bus,
                        &m,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.DBus.Peer",
                        "Ping");
        if (r >= 0)
                r = sd_bus_call(systemd->bus, m, FLUSH_USEC, NULL, NULL);
        if (r < 0)
                log_debug("The manager did not answer at the end: %s", strerror(-r));
}

static void systemd_free(Backend *backend) {
        Systemd *systemd = (Systemd *)backend;

        assert(!systemd->scopes);

        systemd_stop_slice(systemd);
        systemd_flush(systemd);
        systemd_drop_bus(systemd);
        sd_event_source_disable_unref(systemd->connect_timer);
        sd_event_source_disable_unref(systemd->sync_timer);
        lock_release(&systemd->lock);
        cgroup_layout_done(&systemd->layout);
        free(systemd->owner);
        free(systemd->slice);
        free(systemd->slice_path);
        free(systemd->prefix);
        free(systemd->bound_to);
        free(systemd->user);
        backend_done(&systemd->backend);
        free(systemd);
}

static int systemd_start_worker(
                Backend *backend,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret) {
        return scope_start((Systemd *)backend, spec, handlers, userdata, ret);
}

static const BackendOps systemd_ops = {
        .start_worker = systemd_start_worker,
        .worker_begin_stop = scope_begin_stop,
        .worker_kill = scope_kill,
        .worker_free = scope_free,
        .backend_free = systemd_free,
};

static int systemd_make(
                sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                const SystemdTimeouts *timeouts,
                Backend **ret) {
        Systemd *systemd = calloc(1, sizeof(Systemd));
        if (!systemd)
                return -ENOMEM;

        systemd->lock.fd = -1;
        systemd->timeouts = *timeouts;
        systemd->find_cgroup = cgroup_find_process;
        systemd->backoff_usec = BACKOFF_FIRST_USEC;

        _cleanup_(backend_freep) Backend *backend = &systemd->backend;
        int r = backend_init(backend, &systemd_ops, event, kind, config);
        if (r < 0)
                return r;

        r = escape_slice_unit(config->suite, &systemd->slice);
        if (r < 0)
                return r;

        r = escape_scope_prefix(config->suite, &systemd->prefix);
        if (r < 0)
                return r;

        r = cgroup_layout_read(&systemd->layout);
        if (r < 0)
                return r;

        r = systemd_find_user(systemd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(backend);
        return 0;
}

int systemd_new(sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                Backend **ret,
                char **ret_error) {
        _cleanup_(backend_freep) Backend *backend = NULL;
        _cleanup_free_ char *error = NULL;

        int r = probe_manager(kind, &error);
        if (r >= 0)
                r = systemd_make(event, kind, config, &default_timeouts, &backend);
        if (r >= 0) {
                Systemd *systemd = (Systemd *)backend;

                systemd_find_own_service(systemd);
                r = lock_acquire(config->run_id, &systemd->lock);
                if (r < 0)
                        (void)text_setf(&error, "Failed to lock the run's id: %s", strerror(-r));
                else
                        r = systemd_connect(systemd);
        }
        if (r < 0) {
                if (!error)
                        (void)text_setf(&error,
                                        "Failed to connect to the manager: %s",
                                        strerror(-r));
                if (ret_error)
                        *ret_error = TAKE_PTR(error);
                return r;
        }

        *ret = TAKE_PTR(backend);
        return 0;
}

int systemd_new_with_bus(
                sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                sd_bus *bus,
                const SystemdTimeouts *timeouts,
                SystemdFindCgroup find_cgroup,
                Backend **ret) {
        _cleanup_(backend_freep) Backend *backend = NULL;
        __attribute__((cleanup(sd_bus_flush_close_unrefp))) sd_bus *owned = bus;

        int r = systemd_make(event, kind, config, timeouts, &backend);
        if (r < 0)
                return r;

        Systemd *systemd = (Systemd *)backend;
        systemd->bus = TAKE_PTR(owned);
        systemd->direct = true;
        systemd->find_cgroup = find_cgroup;

        r = systemd_set_up(systemd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(backend);
        return 0;
}
