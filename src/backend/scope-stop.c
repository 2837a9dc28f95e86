/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A scope's way to its end: StopUnit, and SIGKILL where that is not enough
 */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "backend/scope.h"
#include "basic/log.h"
#include "basic/text.h"

/* How long StopUnit may take to send its signal. */
#define NUDGE_USEC (500 * USEC_PER_MSEC)

static int scope_on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

void scope_send_stop(Scope *scope) {
        Systemd *systemd = scope->systemd;

        /* 252 thaws by itself; 257 answers "frozen" and does nothing. */
        if (cgroup_is_frozen(&scope->cgroup))
                systemd_send(systemd, "ThawUnit", "s", scope->unit);

        int r = sd_bus_call_method_async(
                        systemd->bus,
                        &scope->call_slot,
                        "org.freedesktop.systemd1",
                        "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager",
                        "StopUnit",
                        scope_on_stop_reply,
                        scope,
                        "ss",
                        scope->unit,
                        "replace");
        if (r < 0) {
                log_debug("%s: failed to send StopUnit: %s", scope->unit, strerror(-r));
                systemd_request_sync(systemd);
        }
}

static int scope_on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *job = NULL;

        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        if (!error) {
                if (sd_bus_message_read(reply, "o", &job) >= 0)
                        (void)text_setf(&scope->job, "%s", job);
                return 0;
        }

        if (systemd_error_is_trouble(error)) {
                systemd_request_sync(scope->systemd);
                return 0;
        }

        systemd_return_turn(scope->systemd, scope);
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit"))
                scope->unit_down = true;
        else {
                /* As at a shutdown, when the manager has other plans: then it is done here. */
                log_warning("%s: the manager refused to stop it: %s", scope->unit, error->message);
                scope->unit_down = true;
                if (scope->state == SCOPE_STOPPING)
                        scope_enter_killing(scope);
        }

        scope_check_end(scope);
        return 0;
}

/* The manager is to end the unit; nothing is known of an earlier job any more. */
void scope_ask_stop(Scope *scope) {
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        free(TAKE_PTR(scope->job));

        if (scope->created)
                systemd_request_turn(scope->systemd, scope, true);
        else {
                systemd_return_turn(scope->systemd, scope);
                scope->unit_down = true;
        }
}

void scope_enter_killing(Scope *scope) {
        bool asked = scope->state == SCOPE_STOPPING;

        scope_set_state(scope, SCOPE_KILLING);
        child_signal(&scope->child, SIGKILL);
        cgroup_kill(&scope->cgroup);
        if (scope->created && !cgroup_is_empty(&scope->cgroup))
                systemd_send(scope->systemd, "KillUnit", "ssi", scope->unit, "all", SIGKILL);

        if (!asked)
                scope_ask_stop(scope);
}

/* What the manager would do, for when it cannot be reached */
void scope_signal_stop(Scope *scope) {
        child_signal(&scope->child, SIGTERM);
        cgroup_signal(&scope->cgroup, SIGTERM);
        child_signal(&scope->child, SIGCONT);
        cgroup_signal(&scope->cgroup, SIGCONT);
}

/*
 * StopUnit has sent no signal yet where its job waits for another, as that of a scope that is bound to our unit does
 * while the unit is stopped. A second SIGTERM does no harm.
 */
static int scope_on_nudge(sd_event_source *source, uint64_t usec, void *userdata) {
        Scope *scope = userdata;

        if (scope->state == SCOPE_STOPPING && child_is_alive(&scope->child))
                scope_signal_stop(scope);
        return 0;
}

void scope_begin_stop(BackendWorker *worker) {
        Scope *scope = (Scope *)worker;

        if (scope->state > SCOPE_RUNNING)
                return;

        scope->kill_asked = true;
        if (scope->state != SCOPE_RUNNING) {
                /* Still held: there is nothing that it could tidy up. */
                scope_enter_killing(scope);
                return;
        }

        scope_read_memory(scope);
        scope_set_state(scope, SCOPE_STOPPING);
        scope_ask_stop(scope);
        if (!scope->systemd->up)
                scope_signal_stop(scope);
        else if (scope_arm(scope, &scope->poll_timer, NUDGE_USEC, scope_on_nudge) < 0)
                log_error("%s: failed to arm a timer", scope->unit);
}

void scope_kill(BackendWorker *worker) {
        Scope *scope = (Scope *)worker;

        if (scope->state >= SCOPE_KILLING)
                return;

        scope->kill_asked = true;
        if (scope->state == SCOPE_RUNNING)
                scope_read_memory(scope);
        scope_enter_killing(scope);
}
