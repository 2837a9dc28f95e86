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
#include "basic/clock.h"
#include "basic/log.h"
#include "basic/text.h"

#define JOBS_MAX 32U

#define FLUSH_USEC       (1 * USEC_PER_SEC)
#define REACH_USEC       (3 * USEC_PER_SEC)
#define REACH_PAUSE_USEC (100 * USEC_PER_MSEC)
#define FIRST_USEC       (10 * USEC_PER_SEC)

static const SystemdTimeouts default_timeouts = {
        .start_usec = 30 *
                        USEC_PER_SEC, /* as runc has it; a manager that is loading units is late */
        .stop_usec = 3 * USEC_PER_SEC,
        .kill_usec = 10 * USEC_PER_SEC, /* a process in uninterruptible sleep may come back */
        .query_usec = 2 * USEC_PER_SEC,
        .suspect_usec = 1 * USEC_PER_SEC,
};

int systemd_arm(Systemd *systemd,
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

static Scope *systemd_find_next_turn(Systemd *systemd) {
        Scope *scope;

        DL_FOREACH2(systemd->waiting, scope, waiting_next)
        if (!scope_awaits_guard(scope))
                return scope;

        return NULL;
}

void systemd_grant_turns(Systemd *systemd) {
        Scope *scope;

        while (systemd->up && systemd->n_jobs < JOBS_MAX &&
               (scope = systemd_find_next_turn(systemd))) {
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

Scope *systemd_find_scope(Systemd *systemd, const char *unit) {
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

static int systemd_make_ping(Systemd *systemd, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(
                        systemd->bus,
                        ret,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.DBus.Peer",
                        "Ping");
}

/*
 * The manager asks the bus who we are before it obeys, and refuses if we have left meanwhile. So our last words
 * are followed by a question whose answer is waited for, though not for long.
 */
static void systemd_flush(Systemd *systemd) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;

        if (!systemd->up || systemd->direct)
                return;

        int r = systemd_make_ping(systemd, &m);
        if (r >= 0)
                r = sd_bus_call(systemd->bus, m, FLUSH_USEC, NULL, NULL);
        if (r < 0)
                log_debug("The manager did not answer at the end: %s", strerror(-r));
}

/*
 * The manager is away at the end, as when it executes itself anew: one more connection is tried for a while, so
 * that the slice does not stay. The loop has ended by now; so this waits.
 */
static void systemd_reach_again(Systemd *systemd) {
        if (systemd->up || systemd->direct || !systemd->slice_used)
                return;

        for (uint64_t until = clock_monotonic() + REACH_USEC; clock_monotonic() < until;) {
                __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;

                systemd_drop_bus(systemd);
                int r = systemd->backend.kind == BACKEND_SYSTEM ?
                                sd_bus_open_system(&systemd->bus) :
                                sd_bus_open_user(&systemd->bus);
                if (r >= 0)
                        r = systemd_make_ping(systemd, &m);
                if (r >= 0)
                        r = sd_bus_call(systemd->bus, m, FLUSH_USEC, NULL, NULL);
                if (r >= 0) {
                        systemd->up = true;
                        return;
                }

                (void)usleep(REACH_PAUSE_USEC);
        }
}

static void systemd_free(Backend *backend) {
        Systemd *systemd = (Systemd *)backend;

        systemd_reach_again(systemd);
        systemd_stop_guard(systemd);
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
        free(systemd->slice_memory);
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
        systemd->guard_fd = -1;
        systemd->timeouts = *timeouts;
        systemd->find_cgroup = cgroup_find_process;
        systemd->backoff_usec = SYSTEMD_BACKOFF_FIRST_USEC;

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

/* The bus may also go away after it was looked at, as when it is restarted just now: it comes back. */
static int systemd_connect_first(Systemd *systemd, char **ret_error) {
        const uint64_t until = clock_monotonic() + FIRST_USEC;

        for (;;) {
                _cleanup_free_ char *error = NULL;

                int r = systemd_connect(systemd);
                if (r >= 0)
                        r = systemd_make_slices(systemd, &error);
                if (r >= 0)
                        return 0;
                if (!probe_bus_is_away(r) || clock_monotonic() >= until) {
                        *ret_error = TAKE_PTR(error);
                        return r;
                }
                (void)usleep(REACH_PAUSE_USEC);
        }
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
                        r = systemd_connect_first(systemd, &error);
                if (r >= 0)
                        r = systemd_start_guard(systemd);
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
        if (r >= 0)
                r = systemd_start_guard(systemd);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(backend);
        return 0;
}
