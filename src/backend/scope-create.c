/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a scope comes to be: the call, the end of its job, and the proof that the worker is inside
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/scope.h"
#include "backend/transient.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/text.h"

static int scope_on_created(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

void scope_fail(Scope *scope, const char *format, ...) {
        va_list ap;

        /* The first reason is the cause. */
        if (!scope->worker.error) {
                va_start(ap, format);
                if (vasprintf(&scope->worker.error, format, ap) < 0)
                        scope->worker.error = NULL;
                va_end(ap);
        }

        scope->kill_asked = true;
        scope_enter_killing(scope);
}

/*
 * The limit holds for all in the scope, as it was asked for. Below the threads of the worker's message library, four a
 * CPU and some, and a few for a test, no worker could even start.
 */
static uint64_t scope_get_tasks_max(uint64_t asked) {
        return MAX(asked, 24 + 4 * (uint64_t)process_count_cpus());
}

/* It needs nothing, so that it is limited by nothing: it is to be there when all else has run out. */
static int scope_build_create_guard(Scope *scope, sd_bus_message **ret) {
        const Systemd *systemd = scope->systemd;
        _cleanup_free_ char *description = NULL;

        if (asprintf(&description, "ptest: guard of %s", systemd->backend.config.suite) < 0)
                return -ENOMEM;

        const TransientScope transient = {
                .unit = scope->unit,
                .description = description,
                .slice = systemd->slice,
                .bound_to = systemd->bound_to,
                .pid = scope->child.pid,
                .memory_max = UINT64_MAX,
                .tasks_max = UINT64_MAX,
                .stop_usec = systemd->backend.config.stop_usec,
                .runtime_max_usec = UINT64_MAX,
                .dropped = systemd->dropped,
        };
        return transient_scope_build(&transient, systemd->bus, ret);
}

static int scope_build_create(Scope *scope, sd_bus_message **ret) {
        const Systemd *systemd = scope->systemd;
        const BackendConfig *config = &systemd->backend.config;
        _cleanup_free_ char *description = NULL;

        if (scope_is_guard(scope))
                return scope_build_create_guard(scope, ret);

        if (asprintf(&description, "ptest: worker %u of %s", scope->worker.slot, config->suite) < 0)
                return -ENOMEM;

        const TransientScope transient = {
                .unit = scope->unit,
                .description = description,
                .slice = systemd->slice,
                .bound_to = systemd->bound_to,
                .guard = systemd->guarded ? systemd->guard->unit : NULL,
                .user = systemd->user,
                .pid = scope->child.pid,
                .memory_max = config->memory_max,
                .tasks_max = scope_get_tasks_max(config->tasks_max),
                .cpu_weight = config->cpu_weight,
                .io_weight = config->io_weight,
                .stop_usec = config->stop_usec,
                .runtime_max_usec = config->runtime_max_usec,
                .dropped = systemd->dropped,
        };
        return transient_scope_build(&transient, systemd->bus, ret);
}

void scope_send_create(Scope *scope) {
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;

        /* Of a dead one the manager would make a scope that never ends; its end is about to be noticed. */
        if (!child_is_alive(&scope->child))
                return;

        int r = scope_build_create(scope, &m);
        if (r >= 0)
                r = sd_bus_call_async(
                                scope->systemd->bus,
                                &scope->call_slot,
                                m,
                                scope_on_created,
                                scope,
                                UINT64_MAX);
        if (r >= 0)
                scope->created = scope->systemd->slice_used = true;
        else if (r == -ENOTCONN || r == -ECONNRESET)
                systemd_request_sync(scope->systemd);
        else
                scope_fail(scope, "Failed to ask for scope %s: %s", scope->unit, strerror(-r));
}

static void scope_on_create_error(Scope *scope, const sd_bus_error *error) {
        Systemd *systemd = scope->systemd;

        if (systemd_error_is_trouble(error)) {
                scope->resent = true;
                systemd_request_sync(systemd);
                return;
        }

        /* A property that this manager does not know; meant for all scopes that follow, too. */
        unsigned dropped = systemd->dropped;
        if (sd_bus_error_has_names(error, "org.freedesktop.DBus.Error.PropertyReadOnly") &&
            transient_scope_drop(error->message, &dropped) >= 0) {
                log_debug("The manager does not know a property: %s", error->message);
                systemd->dropped = dropped;
                scope_send_create(scope);
                return;
        }

        /* The call whose reply was lost had been carried out. */
        if (scope->resent && sd_bus_error_has_name(error, "org.freedesktop.systemd1.UnitExists")) {
                systemd_request_sync(systemd);
                return;
        }

        scope_fail(scope,
                   "Failed to make scope %s: %s",
                   scope->unit,
                   error->message ? error->message : error->name);
}

static int scope_on_created(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *job = NULL;

        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        if (error)
                scope_on_create_error(scope, error);
        else if (sd_bus_message_read(reply, "o", &job) >= 0)
                (void)text_setf(&scope->job, "%s", job);

        return 0;
}

/* 0; -ESRCH: not there */
static int scope_verify_membership(Scope *scope, char **ret_path) {
        _cleanup_free_ char *path = NULL;

        int r = scope->systemd->find_cgroup(scope->child.pid, &scope->systemd->layout, &path);
        if (r < 0)
                return r;

        const char *slash = strrchr(path, '/');
        if (!slash || strcmp(slash + 1, scope->unit) != 0) {
                log_debug("%s: process %d is in %s", scope->unit, (int)scope->child.pid, path);
                return -ESRCH;
        }

        *ret_path = TAKE_PTR(path);
        return 0;
}

static int scope_open_cgroup(Scope *scope, const char *path) {
        Systemd *systemd = scope->systemd;

        int r = cgroup_init(&scope->cgroup, &systemd->layout, path);
        if (r < 0)
                return r;

        if (!systemd->slice_path && scope->cgroup.tree) {
                const char *slash = strrchr(scope->cgroup.tree, '/');

                systemd->slice_path = strndup(
                                scope->cgroup.tree, (size_t)(slash - scope->cgroup.tree));
        }

        scope_watch_memory(scope);
        return 0;
}

void scope_on_active(Scope *scope) {
        _cleanup_free_ char *path = NULL;

        free(TAKE_PTR(scope->job));
        systemd_return_turn(scope->systemd, scope);

        /* If it died meanwhile, all else is told by its end. */
        if (!child_is_alive(&scope->child))
                return;

        int r = scope_verify_membership(scope, &path);
        if (r < 0 && !child_is_alive(&scope->child))
                return;
        if (r >= 0)
                r = scope_open_cgroup(scope, path);
        if (r < 0) {
                scope_fail(scope,
                           "Process %d did not get into scope %s",
                           (int)scope->child.pid,
                           scope->unit);
                return;
        }

        scope_set_state(scope, SCOPE_RUNNING);
        backend_worker_report_ready(&scope->worker);
}
