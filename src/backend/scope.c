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

static void scope_check_end(Scope *scope);
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

static int scope_arm(
                Scope *scope,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler) {
        *source = sd_event_source_disable_unref(*source);
        if (usec == USEC_INFINITY)
                return 0;

        return sd_event_add_time_relative(
                        scope->systemd->backend.event,
                        source,
                        CLOCK_MONOTONIC,
                        usec,
                        1,
                        handler,
                        scope);
}

static void scope_set_state(Scope *scope, ScopeState state) {
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

        if (scope->systemd)
                systemd_remove_scope(TAKE_PTR(scope->systemd), scope);
}

static void scope_report_gone(Scope *scope) {
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

/* ---- Memory ---- */

static void scope_read_memory(Scope *scope) {
        BackendWorkerEnd *end = &scope->worker.end;
        uint64_t value = 0;

        if (cgroup_read_memory_peak(&scope->cgroup, &value) >= 0)
                end->memory_peak = value;
        if (cgroup_read_oom_kills(&scope->cgroup, &value) >= 0 && value > 0)
                end->oom_kill = true;
}

/*
 * memory.events changed. It is watched because the manager removes the cgroup as soon as it is empty, and who looks only
 * after the worker's end comes too late one time in ten. Read through the watched fd, which clears the event.
 */
static int scope_on_memory_events(
                sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Scope *scope = userdata;
        char text[1024];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        if (n <= 0) {
                scope->memory_source = sd_event_source_disable_unref(scope->memory_source);
                return 0;
        }

        text[n] = '\0';
        const char *line = strstr(text, "\noom_kill ");
        if (line && line[strlen("\noom_kill ")] != '0') {
                scope->worker.end.oom_kill = true;
                scope_read_memory(scope);
        }

        return 0;
}

static void scope_watch_memory(Scope *scope) {
        _cleanup_free_ char *path = NULL;

        if (!scope->cgroup.v2 || !scope->cgroup.memory ||
            asprintf(&path, "%s/memory.events", scope->cgroup.memory) < 0)
                return;

        scope->memory_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (scope->memory_fd < 0)
                return;

        int r = sd_event_add_io(
                        scope->systemd->backend.event,
                        &scope->memory_source,
                        scope->memory_fd,
                        EPOLLPRI,
                        scope_on_memory_events,
                        scope);
        /* Before the worker's end, which comes in the same turn of the loop */
        if (r >= 0)
                (void)sd_event_source_set_priority(
                                scope->memory_source, SD_EVENT_PRIORITY_IMPORTANT);
}

/* ---- How it ended ---- */

static int scope_on_memory_peak(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        uint64_t peak = 0;

        scope->query_slot = sd_bus_slot_unref(scope->query_slot);
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_UNKNOWN_PROPERTY))
                scope->systemd->lacks_memory_peak = true;
        else if (!sd_bus_message_is_method_error(reply, NULL) &&
                 sd_bus_message_read(reply, "v", "t", &peak) >= 0)
                scope->worker.end.memory_peak = peak;

        scope_report_gone(scope);
        return 0;
}

static int scope_query(Scope *scope, const char *property, sd_bus_message_handler_t handler) {
        return sd_bus_call_method_async(
                        scope->systemd->bus,
                        &scope->query_slot,
                        "org.freedesktop.systemd1",
                        scope->unit_path,
                        "org.freedesktop.DBus.Properties",
                        "Get",
                        handler,
                        scope,
                        "ss",
                        "org.freedesktop.systemd1.Scope",
                        property);
}

static void scope_query_memory_peak(Scope *scope) {
        if (scope->worker.end.memory_peak == SIZE_UNKNOWN && !scope->systemd->lacks_memory_peak &&
            scope_query(scope, "MemoryPeak", scope_on_memory_peak) >= 0)
                return;

        scope_report_gone(scope);
}

static int scope_on_result(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Scope *scope = userdata;
        const char *result = NULL;

        scope->query_slot = sd_bus_slot_unref(scope->query_slot);
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "v", "s", &result) >= 0 && strcmp(result, "oom-kill") == 0)
                scope->worker.end.oom_kill = true;

        scope_query_memory_peak(scope);
        return 0;
}

static void scope_enter_ending(Scope *scope) {
        bool ran = scope->worker.end.started;
        bool died = scope->child.code == CLD_KILLED && !scope->kill_asked;

        scope->poll_timer = sd_event_source_disable_unref(scope->poll_timer);
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        systemd_return_turn(scope->systemd, scope);
        scope_set_state(scope, SCOPE_ENDING);

        /* Only a unit that is referenced still has something to tell. */
        if (!ran || !scope->systemd->up || scope->ref_lost ||
            (scope->systemd->dropped & (1U << TRANSIENT_ADD_REF)))
                scope_report_gone(scope);
        else if (!died || scope->worker.end.oom_kill ||
                 scope_query(scope, "Result", scope_on_result) < 0)
                scope_query_memory_peak(scope);
}

static int scope_on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        scope_check_end(userdata);
        return 0;
}

static void scope_check_end(Scope *scope) {
        if ((scope->state != SCOPE_STOPPING && scope->state != SCOPE_KILLING) ||
            !child_is_reaped(&scope->child))
                return;

        bool answered = scope->unit_down || !scope->systemd->up;
        if (answered && cgroup_is_empty(&scope->cgroup)) {
                scope_enter_ending(scope);
                return;
        }

        if (answered && scope_arm(scope, &scope->poll_timer, POLL_USEC, scope_on_poll) < 0)
                log_error("%s: failed to arm a timer", scope->unit);
}

/* ---- Stopping ---- */

static int scope_on_stop_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);
static void scope_enter_killing(Scope *scope);

static void scope_send_stop(Scope *scope) {
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
static void scope_ask_stop(Scope *scope) {
        scope->call_slot = sd_bus_slot_unref(scope->call_slot);
        free(TAKE_PTR(scope->job));

        if (scope->created)
                systemd_request_turn(scope->systemd, scope, true);
        else {
                systemd_return_turn(scope->systemd, scope);
                scope->unit_down = true;
        }
}

static void scope_enter_killing(Scope *scope) {
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
static void scope_signal_stop(Scope *scope) {
        child_signal(&scope->child, SIGTERM);
        cgroup_signal(&scope->cgroup, SIGTERM);
        child_signal(&scope->child, SIGCONT);
        cgroup_signal(&scope->cgroup, SIGCONT);
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

/* ---- Creating ---- */

static int scope_on_created(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

static void scope_fail(Scope *scope, const char *format, ...) _printf_(2, 3);
static void scope_fail(Scope *scope, const char *format, ...) {
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

/* The limit is for what the worker runs: the threads of its message library come on top, four a CPU and some. */
static uint64_t worker_threads(void) {
        return 16 + 4 * (uint64_t)process_count_cpus();
}

static int scope_build_create(Scope *scope, sd_bus_message **ret) {
        const Systemd *systemd = scope->systemd;
        const BackendConfig *config = &systemd->backend.config;
        _cleanup_free_ char *description = NULL;

        if (asprintf(&description, "ptest: worker %u of %s", scope->worker.slot, config->suite) < 0)
                return -ENOMEM;

        const TransientScope transient = {
                .unit = scope->unit,
                .description = description,
                .slice = systemd->slice,
                .bound_to = systemd->bound_to,
                .user = systemd->user,
                .pid = scope->child.pid,
                .memory_max = config->memory_max,
                .tasks_max = usec_add(config->tasks_max, worker_threads()),
                .stop_usec = config->stop_usec,
                .runtime_max_usec = config->runtime_max_usec,
                .dropped = systemd->dropped,
        };
        return transient_scope_build(&transient, systemd->bus, ret);
}

static void scope_send_create(Scope *scope) {
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

static void scope_on_active(Scope *scope) {
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
        backend_worker_init(&scope->worker, systemd->backend.ops, spec, handlers, userdata);

        int r = escape_scope_unit(
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
