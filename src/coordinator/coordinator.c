/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The run, from its first record to its last: what it is made of, what interrupts it, and what is shown of it
 */

#include "coordinator/coordinator-internal.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "coordinator/notify.h"
#include "coordinator/status.h"

/* How often the display, the service manager and the balance between workers are looked after. */
#define COORDINATOR_TICK            (100 * USEC_PER_MSEC)
#define COORDINATOR_NOTIFY_INTERVAL USEC_PER_SEC
/*
 * What scopes live longer than the limit of the run, should nobody end them. The manager's clock does not stand still while the
 * run is paused, and this cannot be changed later: so that a pause over night costs no worker, and nothing lives for ever.
 */
#define COORDINATOR_SCOPE_SLACK     (24 * 60 * USEC_PER_MINUTE)

/* ---- Signals, limits, display ---- */

static void coordinator_notice(Coordinator *coordinator, const char *text) {
        coordinator->config.handlers->on_notice(text, coordinator->config.userdata);
}

static int coordinator_on_signal(
                sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *reason = NULL;

        coordinator_cancel_pause(coordinator);
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

        if (!timer_is_due(&coordinator->limit))
                return 0;
        coordinator_cancel_pause(coordinator);
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

size_t coordinator_count_running(const Coordinator *coordinator) {
        size_t n = 0;

        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                uint64_t age;
                const char *address;

                n += coordinator_get_running(coordinator, i, &address, &age);
        }
        return n;
}

void coordinator_get_progress(const Coordinator *coordinator, CoordinatorProgress *ret) {
        const Tally *tally = plan_get_tally(coordinator->plan);
        CoordinatorProgress progress = {
                .planned = tally->planned,
                .reported = tally_reported(tally),
                .bad = tally_bad(tally),
                .elapsed_usec = clock_monotonic() - coordinator->started_usec,
                .remaining_usec = USEC_INFINITY,
                .slots = coordinator->config.workers,
                .running = coordinator_count_running(coordinator),
        };

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
        pool_listen(coordinator->pool);
        if (coordinator->phase == RUN_GOING && !coordinator->pausing)
                dispatch_rebalance(&coordinator->dispatch);
        r = sd_event_source_set_time(source, clock_machine() + COORDINATOR_TICK);
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

static int coordinator_on_status_signal(
                sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Coordinator *coordinator = userdata;
        _cleanup_free_ char *status = NULL;

        if (coordinator_make_status(coordinator, &status) >= 0)
                coordinator->config.handlers->on_status(status, coordinator->config.userdata);
        return 0;
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
        r = sd_event_add_signal(
                        coordinator->event,
                        &coordinator->asked,
                        SIGUSR1,
                        coordinator_on_status_signal,
                        coordinator);
        if (r < 0)
                return r;
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
        if (r >= 0)
                r = coordinator_watch_stops(coordinator);
        if (r >= 0)
                r = timer_init(&coordinator->patience,
                               coordinator->event,
                               "patience",
                               coordinator_on_patience,
                               coordinator);
        if (r >= 0)
                r = timer_init(&coordinator->limit,
                               coordinator->event,
                               "run-limit",
                               coordinator_on_limit,
                               coordinator);
        if (r >= 0 && limit != USEC_INFINITY)
                timer_arm(&coordinator->limit, usec_add(clock_monotonic(), limit));
        return r;
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
                                        .slice_memory_max = coordinator->suite->settings
                                                                            .slice_memory_max,
                                        .cpu_weight = coordinator->suite->settings
                                                                      .worker_cpu_weight,
                                        .io_weight = coordinator->suite->settings.worker_io_weight,
                                        .stop_usec = config->stop_usec,
                                        .runtime_max_usec = usec_add(
                                                        config->run_timeout_usec,
                                                        COORDINATOR_SCOPE_SLACK),
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

/* Where any test has some: what tests find has what who found it has. */
static int coordinator_new_places(Coordinator *coordinator) {
        const CoordinatorConfig *config = &coordinator->config;
        const TestTraits *traits;
        size_t cursor = 0;

        places_remove_all_abandoned();
        while ((traits = test_store_next_traits(coordinator->suite->store, &cursor)))
                if (traits->private_places & PRIVATE_ALL)
                        return places_new(
                                        run_directory_get_path(coordinator->directory),
                                        config->uid,
                                        config->gid,
                                        &coordinator->places);
        return 0;
}

static int coordinator_new_pool(Coordinator *coordinator) {
        const CoordinatorConfig *config = &coordinator->config;
        unsigned n;
        int r;

        coordinator->context = (SlotContext){
                .event = coordinator->event,
                .backend = coordinator->backend,
                .suite = coordinator->suite,
                .worker_path = config->worker_path,
                .directory = run_directory_get_path(coordinator->directory),
                .places = coordinator->places ? places_get_path(coordinator->places) : NULL,
                .user = config->user,
                .uid = config->uid,
                .stop_usec = config->stop_usec,
                .hands_back = config->fail_fast > 0,
                .last_id = &coordinator->last_id,
                .handlers = &coordinator_slot_handlers,
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
        coordinator->retry = (Retry){ .config = coordinator->config.retry,
                                      .suite = coordinator->suite,
                                      .plan = coordinator->plan,
                                      .schedule = coordinator->dispatch.schedule,
                                      .on_attempt = coordinator_on_attempt,
                                      .userdata = coordinator };
        coordinator->growth = (Growth){ .suite = coordinator->suite,
                                        .plan = coordinator->plan,
                                        .schedule = coordinator->dispatch.schedule,
                                        .log = &coordinator->log };
        coordinator->dispatch.suite = coordinator->suite;
        coordinator->dispatch.plan = coordinator->plan;
        coordinator->dispatch.n_workers = coordinator->config.workers;
        coordinator->dispatch.hands_back = coordinator->config.fail_fast > 0;
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

static int coordinator_new_parts(Coordinator *coordinator) {
        int r;

        r = coordinator_new_dispatch(coordinator);
        if (r >= 0)
                r = coordinator_new_pool(coordinator);
        if (r >= 0)
                r = coordinator_add_sources(coordinator);
        if (r == -EAGAIN)
                return log_error_errno(
                                r,
                                "Cannot start threads for the run: a limit of processes (ulimit -u) or of memory (ulimit -v) is too low");
        if (r < 0)
                return log_error_errno(r, "Cannot set up the run: %m");
        return 0;
}

int coordinator_new(
                const CoordinatorConfig *config,
                Suite *suite,
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
        r = coordinator_block_stops();
        if (r >= 0)
                r = sd_event_new(&coordinator->event);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        (void)sd_event_set_watchdog(coordinator->event, true);
        r = event_log_watch_cores(&coordinator->log, coordinator->event);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        r = coordinator_new_backend(coordinator);
        if (r < 0)
                return r;
        r = run_directory_new(config->run_id, config->uid, config->gid, &coordinator->directory);
        if (r < 0)
                return log_error_errno(r, "Cannot make a directory for the sockets of the run: %m");
        r = coordinator_new_places(coordinator);
        if (r < 0)
                return log_error_errno(
                                r,
                                "Cannot make a directory for the private places of tests in %s: %m",
                                places_find_parent());
        r = coordinator_new_parts(coordinator);
        if (r < 0)
                return r;
        r = coordinator_open_status(coordinator);
        if (r < 0)
                log_warning("Nobody can ask for the status of this run: %s", strerror(-r));
        *ret = TAKE_PTR(coordinator);
        return 0;
}

/* The last record. A disk that is full only now still makes the run fail. */
static Verdict coordinator_finish(Coordinator *coordinator) {
        CoordinatorProgress progress;

        coordinator_get_progress(coordinator, &progress);
        notify_progress(&progress);
        event_log_sync(&coordinator->log);
        coordinator_tell_flaky(coordinator);
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
        carry_begin(&coordinator->carry, coordinator);
        r = coordinator_loop(coordinator);
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
        sd_event_source_disable_unref(coordinator->asked);
        sd_event_source_disable_unref(coordinator->work);
        sd_event_source_disable_unref(coordinator->tick);
        status_server_free(coordinator->status_server);
        timer_done(&coordinator->limit);
        timer_done(&coordinator->patience);
        sd_event_source_disable_unref(coordinator->pause_limit);
        for (size_t i = 0; i < ELEMENTSOF(coordinator->stops); i++)
                sd_event_source_disable_unref(coordinator->stops[i]);
        pool_free(coordinator->pool);
        fixtures_done(&coordinator->fixtures);
        growth_done(&coordinator->growth);
        retry_done(&coordinator->retry);
        carry_done(&coordinator->carry);
        schedule_free(coordinator->dispatch.schedule);
        test_free(coordinator->dispatch.nothing);
        plan_free(coordinator->plan);
        backend_free(coordinator->backend);
        places_free(coordinator->places);
        run_directory_free(coordinator->directory);
        sd_event_unref(coordinator->event);
        event_log_done(&coordinator->log);
        free(coordinator->health);
        free(coordinator->not_run_reason);
        free(coordinator->verdict_reason);
        free(coordinator);
        return NULL;
}
