/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/event-log.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "coordinator/pressure.h"

void event_log_done(EventLog *log) {
        log->cores = cores_free(log->cores);
        free(log->error);
        log->error = NULL;
}

static void event_log_fail(EventLog *log, int error) {
        if (log->error)
                return;
        (void)text_setf(&log->error,
                        "records could not be written to %s: %s",
                        recorder_get_path(log->recorder),
                        strerror(-error));
        if (!log->error)
                log->error = strdup("records could not be written");
        log_error("%s", log->error ?: "records could not be written");
}

static void event_log_emit(EventLog *log, const Event *event) {
        int r = recorder_write(log->recorder, event);

        if (r < 0)
                event_log_fail(log, r);
        log->config->handlers->on_event(event, log->config->userdata);
}

static Event *event_log_new(EventLog *log, EventKind kind) {
        Event *event;
        int r = event_new(kind, log->config->run_id, log->suite->name, &event);

        if (r < 0) {
                event_log_fail(log, r);
                return NULL;
        }
        event->time_usec = clock_realtime();
        return event;
}

static int event_log_add_origin(const EventLog *log, Event *event) {
        const CoordinatorOrigin *origin = &log->config->origin;
        char **const strings[] = { &event->run_started.working_directory,
                                   &event->run_started.seed,
                                   &event->run_started.shard };
        const char *const values[] = { origin->working_directory, origin->seed, origin->shard };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                *strings[i] = values[i] ? strdup(values[i]) : NULL;
                if (values[i] && !*strings[i])
                        return -ENOMEM;
        }
        event->run_started.resumes = origin->resumes;
        event->run_started.rerun_of = origin->rerun_of;
        if (!origin->patterns)
                return 0;
        event->run_started.patterns = strv_copy(origin->patterns);
        return event->run_started.patterns ? 0 : -ENOMEM;
}

void event_log_start(EventLog *log) {
        const CoordinatorConfig *config = log->config;
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_RUN_STARTED);
        char hostname[HOST_NAME_MAX + 1] = "localhost";

        if (!event)
                return;
        (void)gethostname(hostname, sizeof(hostname) - 1);
        event->run_started.planned = log->suite->n_tests - config->n_carried_found;
        event->run_started.grows = suite_may_grow(log->suite);
        event->run_started.workers = config->workers;
        event->run_started.description = log->suite->description ? strdup(log->suite->description) :
                                                                   NULL;
        event->run_started.version = strdup(config->version);
        event->run_started.backend = strdup(backend_kind_to_string(config->backend));
        event->run_started.capabilities = strv_copy(config->capabilities);
        event->run_started.hostname = strdup(hostname);
        event->run_started.command = strdup(config->command);
        if (event_log_add_origin(log, event) < 0)
                event_log_fail(log, -ENOMEM);
        event->run_started.run_file = strdup(recorder_get_path(log->recorder));
        event->run_started.degraded = config->degraded ? strdup(config->degraded) : NULL;
        (void)pressure_read(&event->pressure);
        event_log_emit(log, event);
}

static void event_log_one_result(EventLog *log, EventKind kind, Result *result) {
        _cleanup_(event_freep) Event *event = event_log_new(log, kind);

        if (!event) {
                result_free(result);
                return;
        }
        /* Attempts are told in their order, and all before the test. */
        if (log->cores && result->attempt > 1)
                cores_release(log->cores, result->address);
        event->result = result;
        if (log->cores && cores_keep(log->cores, event)) {
                event = NULL;
                return;
        }
        event_log_emit(log, event);
}

void event_log_result(EventLog *log, Result *result) {
        event_log_one_result(log, EVENT_TEST_FINISHED, result);
}

void event_log_attempt(EventLog *log, Result *result) {
        event_log_one_result(log, EVENT_ATTEMPT_FINISHED, result);
}

static void event_log_on_core(Event *event, void *userdata) {
        event_log_emit(userdata, event);
        event_free(event);
}

int event_log_watch_cores(EventLog *log, sd_event *event) {
        return cores_new(event, event_log_on_core, log, &log->cores);
}

void event_log_fixture(EventLog *log, const char *context, bool tear_down, Result *result) {
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_FIXTURE_FAILED);

        if (!event) {
                result_free(result);
                return;
        }
        event->result = result;
        event->fixture.tear_down = tear_down;
        event->fixture.context = strdup(context);
        if (!event->fixture.context) {
                event_log_fail(log, -ENOMEM);
                return;
        }
        event_log_emit(log, event);
}

void event_log_worker(
                EventLog *log,
                EventKind kind,
                const Slot *slot,
                const char *why,
                const char *test) {
        _cleanup_(event_freep) Event *event = event_log_new(log, kind);
        const char *unit = slot_get_unit(slot);

        if (!event)
                return;
        event->worker.slot = slot_get_number(slot);
        event->worker.generation = slot_get_generation(slot);
        event->worker.pid = slot_get_pid(slot);
        event->worker.unit = unit ? strdup(unit) : NULL;
        event->worker.why = why ? strdup(why) : NULL;
        event->worker.test = test ? strdup(test) : NULL;
        if (kind == EVENT_WORKER_STUCK)
                event->worker.stuck = strv_copy(slot_get_stuck(slot));
        event_log_emit(log, event);
}

void event_log_found(EventLog *log, const char *test, size_t found, size_t duplicates) {
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_TESTS_FOUND);

        if (!event)
                return;
        event->tests_found.test = strdup(test);
        if (!event->tests_found.test) {
                event_log_fail(log, -ENOMEM);
                return;
        }
        event->tests_found.found = found;
        event->tests_found.duplicates = duplicates;
        event->tests_found.planned = log->suite->n_tests;
        event_log_emit(log, event);
}

void event_log_carry(EventLog *log, Event *event) {
        _cleanup_(event_freep) Event *owned = event;

        /* What was carried before is still of the run in which it ran. */
        if (owned->result && sd_id128_is_null(owned->carried_from))
                owned->carried_from = owned->run_id;
        owned->run_id = log->config->run_id;
        owned->time_usec = clock_realtime();
        event_log_emit(log, owned);
}

void event_log_paused(EventLog *log, size_t running) {
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_RUN_PAUSED);

        if (!event)
                return;
        event->pause.running = running;
        event_log_emit(log, event);
}

void event_log_continued(EventLog *log, uint64_t away_usec) {
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_RUN_CONTINUED);

        if (!event)
                return;
        event->pause.away_usec = away_usec;
        event_log_emit(log, event);
}

void event_log_sync(EventLog *log) {
        if (log->cores)
                cores_finish(log->cores);
}

/* What could not be kept is told as it is, although the record of it is lost as well. */
static void event_log_finish_badly(EventLog *log, Event *event, int error) {
        event_log_fail(log, error);
        if (event->run_finished.verdict == VERDICT_INCOMPLETE)
                return;
        event->run_finished.verdict = VERDICT_MACHINERY_FAILED;
        free(event->run_finished.reason);
        event->run_finished.reason = log->error ? strdup(log->error) : NULL;
}

void event_log_finish(EventLog *log, const EventLogEnd *end) {
        _cleanup_(event_freep) Event *event = event_log_new(log, EVENT_RUN_FINISHED);
        int r;

        if (!event)
                return;
        event->run_finished.tally = *end->tally;
        event->run_finished.verdict = end->verdict;
        event->run_finished.reason = end->reason ? strdup(end->reason) : NULL;
        event->run_finished.duration_usec = end->duration_usec;
        event->run_finished.journal_lost = recorder_get_journal_lost(log->recorder);
        (void)pressure_read(&event->pressure);
        r = recorder_finish(log->recorder, event);
        if (r < 0)
                event_log_finish_badly(log, event, r);
        log->config->handlers->on_event(event, log->config->userdata);
}
