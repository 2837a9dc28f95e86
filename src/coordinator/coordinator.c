/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The run, from its first record to its last
 *
 *      GOING ──▶ WINDING_DOWN ──▶ STOPPING ──▶ ENDING ──▶ OVER
 *        └───────────┴─────────────────────────▲
 *
 * GOING starts tests. WINDING_DOWN starts none: what runs may finish (fail-fast, first interrupt). STOPPING
 * ends what runs too (second interrupt, SIGTERM, limit of the run). ENDING: every test has its outcome, the
 * workers are leaving. Whatever was not started gets the outcome not-run with the reason.
 *
 * Handlers of slots only note what happened; coordinator_on_work(), which the loop calls after them, acts.
 */

#include "coordinator/coordinator.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "coordinator/directory.h"
#include "coordinator/dispatch.h"
#include "coordinator/event-log.h"
#include "coordinator/fixture.h"
#include "coordinator/notify.h"

typedef enum RunPhase {
        RUN_GOING,
        RUN_WINDING_DOWN,
        RUN_STOPPING,
        RUN_ENDING,
        RUN_OVER,
} RunPhase;

/* How often the display, the service manager and the balance between workers are looked after. */
#define COORDINATOR_TICK            (100 * USEC_PER_MSEC)
#define COORDINATOR_NOTIFY_INTERVAL USEC_PER_SEC
/* A slot whose workers end so often in a row without a result is given up. */
#define COORDINATOR_FAILURES_MAX    3U

typedef struct SlotHealth {
        unsigned failures; /* workers in a row under which no test got an outcome */
        bool closed;       /* given up or lost */
} SlotHealth;

struct Coordinator {
        CoordinatorConfig config;
        const Suite *suite;
        EventLog log;
        sd_event *event;
        Backend *backend;
        RunDirectory *directory;
        Plan *plan;
        Pool *pool;
        SlotContext context;
        SlotHealth *health;
        Fixtures fixtures;
        Dispatch dispatch;
        uint64_t last_id;

        RunPhase phase;
        char *not_run_reason;
        char *verdict_reason;
        bool incomplete; /* interrupted, run limit, no worker left */
        bool machinery;  /* a slot or a record was lost */
        uint64_t started_usec;
        uint64_t notified_usec;

        sd_event_source *signals[3];
        sd_event_source *work;
        sd_event_source *tick;
        sd_event_source *limit;
};

/* ---- Verdict ---- */

static void coordinator_set_verdict_reason(Coordinator *coordinator, const char *reason) {
        /* The first trouble is the cause of the others. */
        if (!coordinator->verdict_reason)
                coordinator->verdict_reason = strdup(reason);
}

static Verdict coordinator_get_verdict(const Coordinator *coordinator) {
        const Tally *tally = plan_get_tally(coordinator->plan);

        if (coordinator->incomplete || !plan_is_complete(coordinator->plan))
                return VERDICT_INCOMPLETE;
        if (coordinator->machinery || coordinator->log.error)
                return VERDICT_MACHINERY_FAILED;
        if (tally_bad(tally) > 0 || coordinator->fixtures.any_failed)
                return VERDICT_FAILED;
        if (tally_reported(tally) == tally->count[PTEST_OUTCOME_NOT_RUN] &&
            !coordinator->config.allow_no_tests)
                return VERDICT_NOTHING_TO_RUN;
        return VERDICT_PASSED;
}

/* ---- Outcomes ---- */

static void coordinator_wake(Coordinator *coordinator) {
        (void)sd_event_source_set_enabled(coordinator->work, SD_EVENT_ONESHOT);
}

static void coordinator_begin_phase(Coordinator *coordinator, RunPhase phase, const char *reason);

/* Takes the result. The one place where a test gets its outcome. */
static void coordinator_complete(Coordinator *coordinator, uint32_t test, Result *result) {
        unsigned limit = coordinator->config.fail_fast;
        int r;

        r = plan_complete(coordinator->plan, test, result->outcome, result->marks);
        if (r < 0) {
                log_debug("%s: late result ignored", result->address);
                result_free(result);
                return;
        }
        schedule_on_done(coordinator->dispatch.schedule, test);
        coordinator_wake(coordinator);
        event_log_result(&coordinator->log, result);
        if (limit > 0 && coordinator->phase == RUN_GOING &&
            tally_bad(plan_get_tally(coordinator->plan)) >= limit) {
                _cleanup_free_ char *reason = NULL;

                (void)text_setf(&reason,
                                "not started after %u failure%s",
                                limit,
                                limit == 1 ? "" : "s");
                coordinator_begin_phase(
                                coordinator,
                                RUN_WINDING_DOWN,
                                reason ?: "not started after failures");
        }
}

static void coordinator_complete_with(
                Coordinator *coordinator, uint32_t test, Outcome outcome, const char *reason) {
        _cleanup_(result_freep) Result *result = NULL;
        int r;

        r = result_new(coordinator->suite->tests[test]->address, &result);
        if (r >= 0)
                r = result_set_reason(result, "%s", reason);
        if (r < 0) {
                log_error_errno(r,
                                "Failed to give %s its outcome: %m",
                                coordinator->suite->tests[test]->address);
                return;
        }
        result->outcome = outcome;
        coordinator_complete(coordinator, test, TAKE_PTR(result));
}

static void coordinator_on_reject(uint32_t test, const char *reason, void *userdata) {
        coordinator_complete_with(userdata, test, PTEST_OUTCOME_ERROR, reason);
}

/* All that waits in a context and what is nested in it; in CONTEXT_NONE: all that waits. */
static void coordinator_complete_waiting(
                Coordinator *coordinator, uint32_t context, Outcome outcome, const char *reason) {
        _cleanup_free_ uint32_t *tests = NULL;
        size_t n = 0;

        if (schedule_count_waiting(coordinator->dispatch.schedule) == 0 ||
            schedule_list_waiting(coordinator->dispatch.schedule, context, &tests, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                coordinator_complete_with(coordinator, tests[i], outcome, reason);
}

static void coordinator_on_context_failed(
                uint32_t context, Outcome outcome, const char *reason, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator_complete_waiting(coordinator, context, outcome, reason);
        /* What workers hold of it comes back, and then is not run either. */
        for (unsigned i = 0; i < coordinator->config.workers; i++)
                slot_recall(pool_get_slot(coordinator->pool, i));
}

static void coordinator_on_reject_fixture(
                uint32_t instance, PtestRole role, const char *reason, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator_wake(coordinator);
        fixtures_on_reject(&coordinator->fixtures, instance, role, reason);
}

/* ---- Phases ---- */

/* What holds fixtures is needed for their tear-down, unless it is at something that is to end now. */
static bool coordinator_keeps_slot(const Coordinator *coordinator, unsigned i) {
        const Schedule *schedule = coordinator->dispatch.schedule;

        return schedule_holds_instances(schedule, i) &&
                        (slot_get_in_flight(pool_get_slot(coordinator->pool, i)) == 0 ||
                         schedule_is_tearing_down(schedule, i));
}

static void coordinator_begin_phase(Coordinator *coordinator, RunPhase phase, const char *reason) {
        if (phase <= coordinator->phase)
                return;
        coordinator->phase = phase;
        if (reason && !coordinator->not_run_reason)
                coordinator->not_run_reason = strdup(reason);
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);

                if (phase == RUN_WINDING_DOWN)
                        slot_recall(slot);
                else if (phase == RUN_STOPPING && !coordinator_keeps_slot(coordinator, i))
                        slot_begin_stop(slot, SLOT_CAUSE_INTERRUPTED);
                else if (phase == RUN_ENDING)
                        slot_begin_stop(slot, SLOT_CAUSE_OVER);
        }
        coordinator_wake(coordinator);
}

static void coordinator_interrupt(Coordinator *coordinator, RunPhase phase, const char *reason) {
        if (coordinator->phase >= RUN_ENDING)
                return;
        coordinator->incomplete = true;
        coordinator_set_verdict_reason(coordinator, reason);
        coordinator_begin_phase(coordinator, phase, reason);
}

/* ---- Work ---- */

static void coordinator_close_slot(Coordinator *coordinator, unsigned i, const char *reason) {
        coordinator->health[i].closed = true;
        coordinator->machinery = true;
        coordinator_set_verdict_reason(coordinator, reason);
}

static void coordinator_start_worker(Coordinator *coordinator, unsigned i) {
        Slot *slot = pool_get_slot(coordinator->pool, i);
        SlotHealth *health = &coordinator->health[i];

        while (!health->closed) {
                _cleanup_free_ char *reason = NULL;
                int r = slot_start(slot);

                if (r >= 0)
                        return;
                if (++health->failures < COORDINATOR_FAILURES_MAX)
                        continue;
                (void)text_setf(&reason,
                                "worker %u could not be started: %s",
                                slot_get_number(slot),
                                strerror(-r));
                log_error("%s", reason ?: "a worker could not be started");
                coordinator_close_slot(coordinator, i, reason ?: "a worker could not be started");
        }
}

/* Workers for what waits, no more than there are tests. */
static void coordinator_start_workers(Coordinator *coordinator) {
        unsigned n = coordinator->config.workers;
        size_t waiting = schedule_count_startable(coordinator->dispatch.schedule, n), coming = 0;

        for (unsigned i = 0; i < n; i++) {
                SlotState state = slot_get_state(pool_get_slot(coordinator->pool, i));

                coming += state == SLOT_HELD || state == SLOT_STARTING || state == SLOT_IDLE;
        }
        for (unsigned i = 0; i < n && coming < waiting; i++) {
                if (slot_get_state(pool_get_slot(coordinator->pool, i)) != SLOT_EMPTY)
                        continue;
                coordinator_start_worker(coordinator, i);
                coming++;
        }
}

/* The places of shared contexts: there while there is something to set up or to tear down. */
static void coordinator_start_shared(Coordinator *coordinator) {
        for (unsigned i = coordinator->config.workers; i < pool_get_size(coordinator->pool); i++) {
                Slot *slot = pool_get_slot(coordinator->pool, i);
                bool wanted = schedule_wants_place(coordinator->dispatch.schedule, i);

                if (wanted && coordinator->health[i].closed) {
                        fixtures_fail_context(
                                        &coordinator->fixtures,
                                        schedule_get_shared(coordinator->dispatch.schedule, i),
                                        "no process could be started for it");
                        schedule_on_gone(coordinator->dispatch.schedule, i);
                } else if (wanted && slot_get_state(slot) == SLOT_EMPTY)
                        coordinator_start_worker(coordinator, i);
                else if (!wanted && slot_get_state(slot) == SLOT_IDLE)
                        slot_begin_stop(slot, SLOT_CAUSE_OVER);
        }
}

static bool coordinator_has_worker(const Coordinator *coordinator) {
        for (unsigned i = 0; i < coordinator->config.workers; i++)
                if (!coordinator->health[i].closed ||
                    (slot_get_state(pool_get_slot(coordinator->pool, i)) != SLOT_EMPTY &&
                     slot_get_state(pool_get_slot(coordinator->pool, i)) != SLOT_LOST))
                        return true;
        return false;
}

static bool coordinator_is_quiet(const Coordinator *coordinator) {
        return pool_count(coordinator->pool, SLOT_EMPTY) +
                        pool_count(coordinator->pool, SLOT_LOST) ==
                        pool_get_size(coordinator->pool);
}

/* Tests, and in the later phases the tear-downs that are still to be done. */
static void coordinator_give_work(Coordinator *coordinator) {
        if (coordinator->phase != RUN_GOING)
                coordinator_complete_waiting(
                                coordinator,
                                CONTEXT_NONE,
                                PTEST_OUTCOME_NOT_RUN,
                                coordinator->not_run_reason ?: "interrupted");
        coordinator_start_workers(coordinator);
        coordinator_start_shared(coordinator);
        dispatch_fill(&coordinator->dispatch);
        if (coordinator_has_worker(coordinator))
                return;
        if (!plan_is_complete(coordinator->plan))
                coordinator_interrupt(
                                coordinator, RUN_WINDING_DOWN, "no worker was left to run it");
        else if (coordinator_is_quiet(coordinator))
                fixtures_give_up(&coordinator->fixtures);
}

static int coordinator_on_work(sd_event_source *source, void *userdata) {
        Coordinator *coordinator = userdata;
        bool clean;

        if (coordinator->phase < RUN_ENDING)
                coordinator_give_work(coordinator);
        clean = schedule_is_clean(coordinator->dispatch.schedule);
        if (clean && plan_is_complete(coordinator->plan))
                coordinator_begin_phase(coordinator, RUN_ENDING, NULL);
        if (clean && coordinator->phase >= RUN_WINDING_DOWN && coordinator_is_quiet(coordinator)) {
                coordinator->phase = RUN_OVER;
                return sd_event_exit(coordinator->event, 0);
        }
        return 0;
}

/* ---- What slots tell ---- */

static void coordinator_on_slot_ready(Slot *slot, void *userdata) {
        coordinator_wake(userdata);
}

static void coordinator_on_slot_result(Slot *slot, uint32_t test, Result *result, void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->health[slot_get_number(slot) - 1].failures = 0;
        dispatch_on_result(&coordinator->dispatch, test, result);
        coordinator_complete(coordinator, test, result);
}

static void coordinator_on_slot_returned(Slot *slot, uint32_t test, void *userdata) {
        Coordinator *coordinator = userdata;

        const char *reason;
        Outcome outcome;

        coordinator_wake(coordinator);
        if (plan_get_state(coordinator->plan, test) != PLAN_SENT)
                return;
        dispatch_on_returned(&coordinator->dispatch, test);
        if (fixtures_find_failure(&coordinator->fixtures, test, &outcome, &reason))
                coordinator_complete_with(coordinator, test, outcome, reason);
}

static void coordinator_on_slot_fixture(
                Slot *slot,
                uint32_t instance,
                PtestRole role,
                Result *result,
                char **exports,
                void *userdata) {
        Coordinator *coordinator = userdata;

        coordinator->health[slot_get_number(slot) - 1].failures = 0;
        coordinator_wake(coordinator);
        fixtures_on_result(&coordinator->fixtures, instance, role, result, exports);
}

static void coordinator_on_slot_fixture_returned(Slot *slot, uint32_t instance, void *userdata) {
        Coordinator *coordinator = userdata;

        schedule_on_fixture_returned(coordinator->dispatch.schedule, instance);
        coordinator_wake(coordinator);
}

static void coordinator_on_slot_event(
                Slot *slot, EventKind kind, const char *why, const char *test, void *userdata) {
        Coordinator *coordinator = userdata;

        event_log_worker(&coordinator->log, kind, slot, why, test);
}

static void coordinator_on_slot_empty(Slot *slot, bool started, void *userdata) {
        Coordinator *coordinator = userdata;
        unsigned i = slot_get_number(slot) - 1;
        SlotHealth *health = &coordinator->health[i];

        coordinator_wake(coordinator);
        fixtures_on_gone(&coordinator->fixtures, i);
        if (coordinator->phase >= RUN_ENDING || ++health->failures < COORDINATOR_FAILURES_MAX)
                return;
        log_error("Worker %u ended %u times in a row without a result: given up",
                  i + 1,
                  health->failures);
        coordinator_on_slot_event(
                        slot,
                        EVENT_WORKER_LOST,
                        "ended again and again without a result",
                        NULL,
                        userdata);
        coordinator_close_slot(
                        coordinator,
                        i,
                        started ? "workers ended without a result" :
                                  "a worker could not be started");
}

static void coordinator_on_slot_lost(Slot *slot, const char *why, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;

        (void)text_setf(&reason, "worker %u could not be ended: %s", slot_get_number(slot), why);
        log_error("%s", reason ?: why);
        coordinator_close_slot(coordinator, slot_get_number(slot) - 1, reason ?: why);
        fixtures_on_gone(&coordinator->fixtures, slot_get_number(slot) - 1);
        coordinator_wake(coordinator);
}

/* ---- Signals, limits, display ---- */

static void coordinator_notice(Coordinator *coordinator, const char *text) {
        coordinator->config.handlers->on_notice(text, coordinator->config.userdata);
}

static int coordinator_on_signal(
                sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;

        if (info->ssi_signo == SIGINT && coordinator->phase == RUN_GOING) {
                coordinator_notice(
                                coordinator,
                                "Interrupted: waiting for the running tests to end; Ctrl-C again stops them");
                coordinator_interrupt(coordinator, RUN_WINDING_DOWN, "interrupted");
                return 0;
        }
        (void)text_setf(&reason, "stopped by %s", signal_to_name((int)info->ssi_signo));
        notify_stopping();
        coordinator_notice(coordinator, "Stopping the running tests");
        coordinator_interrupt(coordinator, RUN_STOPPING, reason ?: "stopped");
        return 0;
}

static int coordinator_on_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;
        char limit[FORMAT_MAX];

        (void)text_setf(&reason,
                        "the limit of the whole run, %s, was reached",
                        format_time(limit, coordinator->config.run_timeout_usec));
        coordinator_notice(coordinator, reason ?: "the limit of the whole run was reached");
        coordinator_interrupt(
                        coordinator,
                        RUN_STOPPING,
                        reason ?: "the limit of the whole run was reached");
        return 0;
}

bool coordinator_get_running(
                const Coordinator *coordinator,
                unsigned i,
                const char **ret_address,
                uint64_t *ret_age_usec) {
        uint64_t now = clock_monotonic();
        SlotRunning running;

        if (i >= pool_get_size(coordinator->pool) ||
            !slot_get_running(pool_get_slot(coordinator->pool, i), &running))
                return false;
        *ret_address = running.address;
        *ret_age_usec = now - MIN(running.started_usec, now);
        return true;
}

static void coordinator_get_progress(const Coordinator *coordinator, CoordinatorProgress *ret) {
        const Tally *tally = plan_get_tally(coordinator->plan);
        CoordinatorProgress progress = {
                .planned = tally->planned,
                .reported = tally_reported(tally),
                .bad = tally_bad(tally),
                .elapsed_usec = clock_monotonic() - coordinator->started_usec,
                .remaining_usec = USEC_INFINITY,
                .slots = coordinator->config.workers,
        };

        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                uint64_t age;
                const char *address;

                progress.running += coordinator_get_running(coordinator, i, &address, &age);
        }
        /* Before a tenth is done the rest is a guess. */
        if (progress.reported * 10 >= progress.planned && progress.reported > 0)
                progress.remaining_usec = progress.elapsed_usec / progress.reported *
                                (progress.planned - progress.reported);
        *ret = progress;
}

static int coordinator_on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *coordinator = userdata;
        CoordinatorProgress progress;
        uint64_t now = clock_monotonic();
        int r;

        coordinator_get_progress(coordinator, &progress);
        coordinator->config.handlers->on_progress(
                        coordinator, &progress, coordinator->config.userdata);
        if (now >= coordinator->notified_usec + COORDINATOR_NOTIFY_INTERVAL) {
                notify_progress(&progress);
                coordinator->notified_usec = now;
        }
        if (coordinator->phase == RUN_GOING)
                dispatch_rebalance(&coordinator->dispatch);
        r = sd_event_source_set_time(source, now + COORDINATOR_TICK);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- New, run, free ---- */

static int coordinator_add_time(
                Coordinator *coordinator,
                uint64_t usec,
                sd_event_time_handler_t handler,
                const char *name,
                sd_event_source **ret) {
        int r;

        r = sd_event_add_time(
                        coordinator->event,
                        ret,
                        CLOCK_MONOTONIC,
                        usec,
                        USEC_PER_MSEC,
                        handler,
                        coordinator);
        if (r < 0)
                return r;
        return sd_event_source_set_description(*ret, name);
}

static int coordinator_add_sources(Coordinator *coordinator) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
        uint64_t limit = coordinator->config.run_timeout_usec;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_event_add_signal(
                                coordinator->event,
                                &coordinator->signals[i],
                                signals[i],
                                coordinator_on_signal,
                                coordinator);
                if (r < 0)
                        return r;
        }
        r = sd_event_add_defer(
                        coordinator->event, &coordinator->work, coordinator_on_work, coordinator);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(coordinator->work, "coordinator-work");
        r = sd_event_source_set_exit_on_failure(coordinator->work, true);
        if (r < 0)
                return r;
        r = coordinator_add_time(
                        coordinator,
                        0,
                        coordinator_on_tick,
                        "coordinator-tick",
                        &coordinator->tick);
        if (r < 0 || limit == USEC_INFINITY)
                return r;
        return coordinator_add_time(
                        coordinator,
                        usec_add(clock_monotonic(), limit),
                        coordinator_on_limit,
                        "run-limit",
                        &coordinator->limit);
}

static int coordinator_new_backend(Coordinator *coordinator) {
        const CoordinatorConfig *config = &coordinator->config;
        _cleanup_free_ char *error = NULL;
        char id[SD_ID128_STRING_MAX];
        int r;

        r = backend_new(coordinator->event,
                        config->backend,
                        &(BackendConfig){
                                        .suite = coordinator->suite->name,
                                        .run_id = sd_id128_to_string(config->run_id, id),
                                        .guard_program = config->worker_path,
                                        .memory_max = config->memory_max,
                                        .tasks_max = config->tasks_max,
                                        .stop_usec = config->stop_usec,
                                        .runtime_max_usec = usec_add(
                                                        config->run_timeout_usec, USEC_PER_MINUTE),
                                        .uid = config->uid,
                                        .gid = config->gid,
                        },
                        &coordinator->backend,
                        &error);
        if (r < 0)
                return log_error_errno(
                                r,
                                "Cannot use the %s backend: %s",
                                backend_kind_to_string(config->backend),
                                error ?: strerror(-r));
        return 0;
}

/* A worker takes about ten fds here, and the usual soft limit is there for programs that use select(). */
static void coordinator_raise_nofile(struct rlimit *ret_before) {
        struct rlimit raised;

        if (getrlimit(RLIMIT_NOFILE, ret_before) < 0) {
                *ret_before = (struct rlimit){ .rlim_cur = 1024, .rlim_max = RLIM_INFINITY };
                return;
        }
        raised = *ret_before;
        raised.rlim_cur = raised.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &raised);
}

static int coordinator_new_pool(Coordinator *coordinator) {
        static const SlotHandlers handlers = {
                .on_ready = coordinator_on_slot_ready,
                .on_result = coordinator_on_slot_result,
                .on_returned = coordinator_on_slot_returned,
                .on_fixture = coordinator_on_slot_fixture,
                .on_fixture_returned = coordinator_on_slot_fixture_returned,
                .on_event = coordinator_on_slot_event,
                .on_empty = coordinator_on_slot_empty,
                .on_lost = coordinator_on_slot_lost,
        };
        const CoordinatorConfig *config = &coordinator->config;
        unsigned n;
        int r;

        coordinator->context = (SlotContext){
                .event = coordinator->event,
                .backend = coordinator->backend,
                .suite = coordinator->suite,
                .worker_path = config->worker_path,
                .directory = run_directory_get_path(coordinator->directory),
                .user = config->user,
                .uid = config->uid,
                .stop_usec = config->stop_usec,
                .last_id = &coordinator->last_id,
                .handlers = &handlers,
                .userdata = coordinator,
        };
        coordinator_raise_nofile(&coordinator->context.nofile);
        n = schedule_get_n_places(coordinator->dispatch.schedule);
        coordinator->health = calloc(n, sizeof(*coordinator->health));
        if (!coordinator->health)
                return -ENOMEM;
        r = pool_new(&coordinator->context, n, &coordinator->pool);
        coordinator->dispatch.pool = coordinator->pool;
        return r;
}

static int coordinator_new_dispatch(Coordinator *coordinator) {
        int r;

        r = plan_new(coordinator->suite->n_tests, &coordinator->plan);
        if (r < 0)
                return r;
        r = schedule_new(
                        coordinator->suite,
                        coordinator->config.workers,
                        &coordinator->dispatch.schedule);
        if (r < 0)
                return r;
        coordinator->dispatch.suite = coordinator->suite;
        coordinator->dispatch.plan = coordinator->plan;
        coordinator->dispatch.n_workers = coordinator->config.workers;
        coordinator->dispatch.handlers = (DispatchHandlers){
                .on_reject = coordinator_on_reject,
                .on_reject_fixture = coordinator_on_reject_fixture,
                .userdata = coordinator,
        };
        batch_init(&coordinator->dispatch.batch);
        r = test_new("(tear-down)", &coordinator->dispatch.nothing);
        if (r < 0)
                return r;
        return fixtures_init(
                        &coordinator->fixtures,
                        &(FixturesConfig){ .suite = coordinator->suite,
                                           .schedule = coordinator->dispatch.schedule,
                                           .log = &coordinator->log,
                                           .on_failed = coordinator_on_context_failed,
                                           .userdata = coordinator });
}

int coordinator_new(
                const CoordinatorConfig *config,
                const Suite *suite,
                Recorder *recorder,
                Coordinator **ret) {
        _cleanup_(coordinator_freep) Coordinator *coordinator = calloc(1, sizeof(*coordinator));
        int r;

        assert(config->workers > 0);

        if (!coordinator)
                return -ENOMEM;
        coordinator->config = *config;
        coordinator->suite = suite;
        coordinator->log = (EventLog){ .config = &coordinator->config,
                                       .suite = suite,
                                       .recorder = recorder };
        coordinator->started_usec = clock_monotonic();
        r = sd_event_new(&coordinator->event);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        (void)sd_event_set_watchdog(coordinator->event, true);
        r = coordinator_new_backend(coordinator);
        if (r < 0)
                return r;
        r = run_directory_new(config->run_id, config->uid, config->gid, &coordinator->directory);
        if (r < 0)
                return log_error_errno(r, "Cannot make a directory for the sockets of the run: %m");
        r = coordinator_new_dispatch(coordinator);
        if (r >= 0)
                r = coordinator_new_pool(coordinator);
        if (r >= 0)
                r = coordinator_add_sources(coordinator);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the run: %m");
        *ret = TAKE_PTR(coordinator);
        return 0;
}

/* Should the loop have failed, tests may be without an outcome: they get one here, and the run is incomplete. */
static void coordinator_complete_rest(Coordinator *coordinator) {
        for (size_t i = 0; i < coordinator->suite->n_tests; i++) {
                if (plan_get_state(coordinator->plan, (uint32_t)i) == PLAN_DONE)
                        continue;
                coordinator->incomplete = true;
                coordinator_set_verdict_reason(coordinator, "the coordinator failed");
                coordinator_complete_with(
                                coordinator,
                                (uint32_t)i,
                                PTEST_OUTCOME_LOST,
                                "the coordinator failed");
        }
}

/* The last record. A disk that is full only now still makes the run fail. */
static Verdict coordinator_finish(Coordinator *coordinator) {
        CoordinatorProgress progress;

        coordinator_get_progress(coordinator, &progress);
        notify_progress(&progress);
        event_log_sync(&coordinator->log);
        event_log_finish(
                        &coordinator->log,
                        &(EventLogEnd){
                                        .tally = plan_get_tally(coordinator->plan),
                                        .verdict = coordinator_get_verdict(coordinator),
                                        .reason = coordinator->verdict_reason  ?:
                                                        coordinator->log.error ?:
                                                        coordinator->fixtures.failure,
                                        .duration_usec = clock_monotonic() -
                                                        coordinator->started_usec,
                        });
        return coordinator_get_verdict(coordinator);
}

int coordinator_run(Coordinator *coordinator, Verdict *ret) {
        int r;

        event_log_start(&coordinator->log);
        if (coordinator->suite->n_tests == 0 && coordinator->config.empty_reason)
                coordinator_set_verdict_reason(coordinator, coordinator->config.empty_reason);
        r = sd_event_loop(coordinator->event);
        if (r < 0)
                log_error_errno(r, "The event loop failed: %m");
        coordinator_complete_rest(coordinator);
        *ret = coordinator_finish(coordinator);
        return MIN(r, 0);
}

Coordinator *coordinator_free(Coordinator *coordinator) {
        if (!coordinator)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(coordinator->signals); i++)
                sd_event_source_disable_unref(coordinator->signals[i]);
        sd_event_source_disable_unref(coordinator->work);
        sd_event_source_disable_unref(coordinator->tick);
        sd_event_source_disable_unref(coordinator->limit);
        pool_free(coordinator->pool);
        fixtures_done(&coordinator->fixtures);
        schedule_free(coordinator->dispatch.schedule);
        test_free(coordinator->dispatch.nothing);
        plan_free(coordinator->plan);
        backend_free(coordinator->backend);
        run_directory_free(coordinator->directory);
        sd_event_unref(coordinator->event);
        event_log_done(&coordinator->log);
        free(coordinator->health);
        free(coordinator->not_run_reason);
        free(coordinator->verdict_reason);
        free(coordinator);
        return NULL;
}
