/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One worker in one scope; the life is drawn in scope.h
 *
 * Each failure while the scope is made leads to the same end as a stop: SIGKILL, StopUnit, and on_gone once
 * the process is reaped, the cgroup is empty and the manager says that the unit is down. If the manager cannot
 * be asked, the first two are enough. No state waits without a deadline for others to act.
 */

#include "backend/scope.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/escape.h"
#include "backend/transient.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/text.h"

/* How often an emptying cgroup is looked at where no signal of the manager will tell */
#define POLL_USEC (20 * USEC_PER_MSEC)

/* How long a scope in which nothing lives may wait for the manager's word. A job takes milliseconds. */
#define MANAGER_PATIENCE_USEC USEC_PER_SEC

static int scope_on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

static const char *const state_table[SCOPE_STATE_MAX] = {
        [SCOPE_QUEUED] = "queued",     [SCOPE_CREATING] = "creating", [SCOPE_RUNNING] = "running",
        [SCOPE_STOPPING] = "stopping", [SCOPE_KILLING] = "killing",   [SCOPE_ENDING] = "ending",
        [SCOPE_GONE] = "gone",         [SCOPE_LOST] = "lost",
};

const char *scope_state_to_string(ScopeState state) {
        return state < SCOPE_STATE_MAX ? state_table[state] : NULL;
}

/* ---- State ---- */

#define TO(state) (1U << (SCOPE_##state))

static const unsigned transitions[SCOPE_STATE_MAX] = {
        [SCOPE_QUEUED] = TO(CREATING) | TO(KILLING) | TO(ENDING),
        [SCOPE_CREATING] = TO(RUNNING) | TO(KILLING),
        [SCOPE_RUNNING] = TO(STOPPING) | TO(KILLING),
        [SCOPE_STOPPING] = TO(KILLING) | TO(ENDING),
        [SCOPE_KILLING] = TO(ENDING) | TO(LOST),
        [SCOPE_ENDING] = TO(GONE),
};

static uint64_t scope_get_deadline(const Scope *scope) {
        const SystemdTimeouts *timeouts = &scope->systemd->timeouts;
        uint64_t stop_usec = scope->systemd->backend.config.stop_usec;

        switch (scope->state) {
        case SCOPE_QUEUED:
                /* Those before it in the queue have one each; more than this means that no bus comes back. */
                return 4 * timeouts->start_usec;
        case SCOPE_CREATING:
                return timeouts->start_usec;
        case SCOPE_STOPPING:
                return usec_add(stop_usec, scope->systemd->up ? timeouts->stop_usec : 0);
        case SCOPE_KILLING:
                return timeouts->kill_usec;
        case SCOPE_ENDING:
                return scope->worker.pid > 0 ? timeouts->query_usec : 0;
        default:
                return USEC_INFINITY;
        }
}

int scope_arm(Scope *scope,
              sd_event_source **source,
              uint64_t usec,
              sd_event_time_handler_t handler) {
        return backend_arm(&scope->systemd->backend, source, usec, handler, scope);
}

void scope_set_state(Scope *scope, ScopeState state) {
        assert(transitions[scope->state] & (1U << state));

        log_debug("%s: %s → %s", scope->unit, state_table[scope->state], state_table[state]);
        scope->state = state;

        int r = scope_arm(scope, &scope->deadline, scope_get_deadline(scope), scope_on_deadline);
        if (r < 0)
                log_error("%s: failed to arm a deadline: %s", scope->unit, strerror(-r));
}

/* What may stay when the worker is reported: nothing that calls back. */
static void scope_detach(Scope *scope) {
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        scope->query_slot = sd_bus_slot_unref(scope->query_slot);
        scope->deadline = sd_event_source_disable_unref(scope->deadline);
        scope->poll_timer = sd_event_source_disable_unref(scope->poll_timer);
        scope->memory_source = sd_event_source_disable_unref(scope->memory_source);
        scope->memory_fd = fd_close(scope->memory_fd);
        scope->leaf_fd = fd_close(scope->leaf_fd);

        if (scope->systemd)
                systemd_remove_scope(TAKE_PTR(scope->systemd), scope);
}

void scope_report_gone(Scope *scope) {
        if (scope->created)
                systemd_send(scope->systemd, "UnrefUnit", "s", scope->unit);
        scope->worker.end.code = scope->child.code;
        scope->worker.end.status = scope->child.status;
        scope_set_state(scope, SCOPE_GONE);
        scope_detach(scope);
        backend_worker_report_gone(&scope->worker);
}

static void scope_report_lost(Scope *scope) {
        _cleanup_free_ char *why = NULL;
        bool reaped = child_is_reaped(&scope->child);

        (void)text_setf(&why,
                        "%s: %s after SIGKILL",
                        scope->unit,
                        !reaped ? "the worker's process still exists" :
                                  "its cgroup still has processes");
        scope_set_state(scope, SCOPE_LOST);
        scope_detach(scope);
        backend_worker_report_lost(&scope->worker, why ? why : "out of memory");
}

/* ---- The end ---- */

static void scope_enter_ending(Scope *scope) {
        bool ran = scope->worker.end.started;

        scope->poll_timer = sd_event_source_disable_unref(scope->poll_timer);
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        systemd_return_turn(scope->systemd, scope);
        scope_set_state(scope, SCOPE_ENDING);

        /* Only a unit that is referenced still has something to tell. */
        if (!ran || !scope->systemd->up || scope->ref_lost ||
            (scope->systemd->dropped & (1U << TRANSIENT_ADD_REF)))
                scope_report_gone(scope);
        else
                scope_query_end(scope);
}

static int scope_on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        scope_check_end(userdata);
        return 0;
}

void scope_check_end(Scope *scope) {
        if ((scope->state != SCOPE_STOPPING && scope->state != SCOPE_KILLING) ||
            !child_is_reaped(&scope->child))
                return;

        bool answered = scope->unit_down || !scope->systemd->up;
        bool empty = cgroup_is_empty(&scope->cgroup);
        if (empty && scope->empty_since == 0)
                scope->empty_since = clock_monotonic();

        /* While our own unit is stopped, the jobs of scopes that are bound to it wait for its end: for us. */
        if (empty &&
            (answered || clock_monotonic() - scope->empty_since >= MANAGER_PATIENCE_USEC)) {
                scope_enter_ending(scope);
                return;
        }

        if ((answered || empty) &&
            scope_arm(scope, &scope->poll_timer, POLL_USEC, scope_on_poll) < 0)
                log_error("%s: failed to arm a timer", scope->unit);
}

/* ---- What happens ---- */

void scope_on_turn(Scope *scope) {
        if (scope->state == SCOPE_QUEUED)
                scope_set_state(scope, SCOPE_CREATING);

        if (scope->state == SCOPE_CREATING)
                scope_send_create(scope);
        else
                scope_send_stop(scope);
}

void scope_on_job_removed(Scope *scope, const char *job, const char *result) {
        /* A job whose reply was lost is known by its unit alone. */
        if (scope->call_slot || (scope->job && strcmp(scope->job, job) != 0))
                return;

        if (scope->state == SCOPE_CREATING && scope->created) {
                if (strcmp(result, "done") == 0)
                        scope_on_active(scope);
                else if (child_is_alive(&scope->child))
                        scope_fail(scope,
                                   "Scope %s was not started: its job ended as '%s'",
                                   scope->unit,
                                   result);
                return;
        }

        if (scope->state != SCOPE_STOPPING && scope->state != SCOPE_KILLING)
                return;

        if (strcmp(result, "frozen") == 0 && !scope->thawed) {
                scope->thawed = true;
                systemd_send(scope->systemd, "ThawUnit", "s", scope->unit);
                scope_ask_stop(scope);
                return;
        }

        free(TAKE_PTR(scope->job));
        systemd_return_turn(scope->systemd, scope);
        scope->unit_down = true;
        scope_check_end(scope);
}

/*
 * The manager says that a unit is down whose worker lives. A stale "cgroup empty" can make it forget a scope; but a manager
 * that executes itself anew also says so for a moment. Hence it is asked again, until it says the same for some time.
 */
static void scope_suspect(Scope *scope, bool asked) {
        uint64_t now = clock_monotonic();

        if (!child_is_alive(&scope->child))
                return;

        if (scope->suspect_since == 0)
                scope->suspect_since = now;

        if (asked && now - scope->suspect_since >= scope->systemd->timeouts.suspect_usec) {
                log_warning("%s: the manager lost this scope; its worker is killed", scope->unit);
                scope_enter_killing(scope);
        } else
                systemd_request_sync(scope->systemd);
}

void scope_on_unit_down(Scope *scope) {
        if (scope->state == SCOPE_STOPPING || scope->state == SCOPE_KILLING) {
                /* With a job under way its end is what counts. */
                if (!scope->job && !scope->call_slot && !scope->waits_for_turn) {
                        scope->unit_down = true;
                        scope_check_end(scope);
                }
                return;
        }

        if (scope->state == SCOPE_RUNNING)
                scope_suspect(scope, false);
}

static void scope_on_child_exit(void *userdata) {
        Scope *scope = userdata;
        _cleanup_free_ char *how = NULL;

        switch (scope->state) {
        case SCOPE_QUEUED:
        case SCOPE_CREATING:
                (void)child_describe_end(&scope->child, &how);
                scope_fail(scope, "The worker ended before it was released: %s", how ? how : "?");
                break;
        case SCOPE_RUNNING:
        case SCOPE_STOPPING:
                scope_read_memory(scope);
                if (scope_died_unasked(scope) && scope->child.status == SIGKILL)
                        scope_infer_oom(scope);
                scope_enter_killing(scope);
                break;
        default:
                break;
        }

        scope_check_end(scope);
}

static int scope_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Scope *scope = userdata;

        switch (scope->state) {
        case SCOPE_QUEUED:
        case SCOPE_CREATING:
                scope_fail(scope, "Scope %s was not ready in time", scope->unit);
                scope_check_end(scope);
                break;
        case SCOPE_STOPPING:
                scope_enter_killing(scope);
                scope_check_end(scope);
                break;
        case SCOPE_KILLING:
                /* A manager that does not answer is no reason to give up a slot in which nothing lives. */
                if (child_is_reaped(&scope->child) && cgroup_is_empty(&scope->cgroup))
                        scope_enter_ending(scope);
                else
                        scope_report_lost(scope);
                break;
        default:
                scope_report_gone(scope);
        }

        return 0;
}

/* ---- The bus goes and comes ---- */

void scope_on_bus_lost(Scope *scope) {
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        systemd_return_turn(scope->systemd, scope);
        scope->resent = true;

        switch (scope->state) {
        case SCOPE_QUEUED:
                systemd_request_turn(scope->systemd, scope, false);
                break;
        case SCOPE_STOPPING:
                scope_signal_stop(scope);
                scope_check_end(scope);
                break;
        case SCOPE_KILLING:
                scope_check_end(scope);
                break;
        case SCOPE_ENDING:
                scope_report_gone(scope);
                break;
        default:
                break;
        }
}

static void scope_sync_creating(Scope *scope, const char *active_state) {
        if (scope->call_slot || scope->waits_for_turn)
                return;

        if (!active_state || strcmp(active_state, "inactive") == 0) {
                /* A job that is queued has not changed the state yet: then its end will be told. */
                if (!scope->job)
                        systemd_request_turn(scope->systemd, scope, false);
        } else if (strcmp(active_state, "active") == 0)
                scope_on_active(scope);
        else if (strcmp(active_state, "failed") == 0 && child_is_alive(&scope->child))
                scope_fail(scope, "Scope %s failed", scope->unit);
}

void scope_on_sync(Scope *scope, const char *active_state) {
        bool down = !active_state || strcmp(active_state, "inactive") == 0 ||
                        strcmp(active_state, "failed") == 0;

        switch (scope->state) {
        case SCOPE_CREATING:
                scope_sync_creating(scope, active_state);
                break;
        case SCOPE_RUNNING:
                if (down) {
                        scope_suspect(scope, true);
                        break;
                }
                scope->suspect_since = 0;
                if (scope->ref_lost) {
                        scope->ref_lost = false;
                        systemd_send(scope->systemd, "RefUnit", "s", scope->unit);
                }
                break;
        case SCOPE_STOPPING:
        case SCOPE_KILLING:
                if (scope->call_slot || scope->waits_for_turn)
                        break;
                if (down) {
                        scope->unit_down = true;
                        scope_check_end(scope);
                } else
                        scope_ask_stop(scope);
                break;
        default:
                break;
        }
}

/* ---- Life ---- */

void scope_free(BackendWorker *worker) {
        Scope *scope = (Scope *)worker;

        if (scope->systemd) {
                cgroup_kill(&scope->cgroup);
                child_signal(&scope->child, SIGKILL);
                if (scope->created) {
                        systemd_send(scope->systemd, "StopUnit", "ss", scope->unit, "replace");
                        systemd_send(scope->systemd, "UnrefUnit", "s", scope->unit);
                }
        }

        scope_detach(scope);
        child_done(&scope->child);
        cgroup_done(&scope->cgroup);
        free(scope->unit);
        free(scope->unit_path);
        free(scope->job);
        backend_worker_done(&scope->worker);
        free(scope);
}

bool scope_is_guard(const Scope *scope) {
        return scope->worker.slot == SCOPE_GUARD_SLOT;
}

/* One that has ended is replaced when its unit is gone; until then whatever is bound to it would be refused. */
bool scope_awaits_guard(const Scope *scope) {
        const Systemd *systemd = scope->systemd;
        const Scope *guard = (const Scope *)systemd->guard;

        return scope->state <= SCOPE_CREATING && !scope_is_guard(scope) && guard &&
                        (!systemd->guarded || !child_is_alive(&guard->child));
}

static int scope_new(
                Systemd *systemd,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                Scope **ret) {
        Scope *scope = calloc(1, sizeof(Scope));
        if (!scope)
                return -ENOMEM;

        _cleanup_(backend_worker_freep) BackendWorker *worker = &scope->worker;
        scope->child = CHILD_NULL;
        scope->memory_fd = -1;
        scope->leaf_fd = -1;
        backend_worker_init(&scope->worker, systemd->backend.ops, spec, handlers, userdata);

        int r = scope_is_guard(scope) ? escape_guard_unit(
                                                        systemd->backend.suite,
                                                        systemd->backend.run_id,
                                                        spec->generation,
                                                        &scope->unit) :
                                        escape_scope_unit(
                                                        systemd->backend.suite,
                                                        systemd->backend.run_id,
                                                        spec->slot,
                                                        spec->generation,
                                                        &scope->unit);
        if (r < 0)
                return r;

        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", scope->unit, &scope->unit_path);
        if (r < 0)
                return r;

        scope->worker.unit = scope->unit;
        scope->systemd = systemd;
        systemd_add_scope(systemd, scope);
        TAKE_PTR(worker);
        *ret = scope;
        return 0;
}

int scope_start(Systemd *systemd,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret) {
        Scope *scope = NULL;

        int r = scope_new(systemd, spec, handlers, userdata, &scope);
        if (r < 0)
                return r;

        _cleanup_(backend_worker_freep) BackendWorker *worker = &scope->worker;
        r = child_start(&scope->child,
                        systemd->backend.event,
                        spec,
                        scope->unit,
                        scope_on_child_exit,
                        scope);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                /* Told through on_gone, by the deadline of this state, which is at once without a process. */
                (void)text_setf(&scope->worker.error,
                                "Failed to execute %s: %s",
                                spec->argv[0],
                                strerror(-r));
                scope_set_state(scope, SCOPE_ENDING);
        } else {
                scope->worker.pid = scope->child.pid;
                r = scope_arm(scope,
                              &scope->deadline,
                              scope_get_deadline(scope),
                              scope_on_deadline);
                if (r < 0)
                        return r;
                systemd_request_turn(systemd, scope, false);
        }

        *ret = TAKE_PTR(worker);
        return 0;
}
