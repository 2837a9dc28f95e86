/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is common to all kinds of backends: their names, the choice between them, and the hand-over of calls
 * to the kind's own operations. That a worker's end is reported exactly once is guaranteed here.
 */

#include "backend/backend.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/ops.h"
#include "backend/probe.h"
#include "basic/log.h"
#include "basic/strv.h"

static const char *const kind_table[BACKEND_KIND_MAX] = {
        [BACKEND_SYSTEM] = "system",
        [BACKEND_USER] = "user",
        [BACKEND_PLAIN] = "plain",
};

const char *backend_kind_to_string(BackendKind kind) {
        return kind >= 0 && kind < BACKEND_KIND_MAX ? kind_table[kind] : NULL;
}

BackendKind backend_kind_from_string(const char *s) {
        for (size_t i = 0; s && i < BACKEND_KIND_MAX; i++)
                if (strcmp(s, kind_table[i]) == 0)
                        return (BackendKind)i;

        return BACKEND_KIND_INVALID;
}

/* ---- Life ---- */

int backend_init(
                Backend *backend,
                const BackendOps *ops,
                sd_event *event,
                BackendKind kind,
                const BackendConfig *config) {
        backend->ops = ops;
        backend->kind = kind;
        backend->config = *config;
        backend->suite = strdup(config->suite);
        backend->run_id = strdup(config->run_id);
        backend->event = sd_event_ref(event);
        backend->config.suite = backend->suite;
        backend->config.run_id = backend->run_id;
        if (config->guard_program)
                backend->guard_program = strdup(config->guard_program);
        backend->config.guard_program = backend->guard_program;

        return backend->suite && backend->run_id &&
                                        (backend->guard_program || !config->guard_program) ?
                        0 :
                        -ENOMEM;
}

void backend_done(Backend *backend) {
        free(backend->suite);
        free(backend->run_id);
        free(backend->guard_program);
        sd_event_unref(backend->event);
}

int backend_new(sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                Backend **ret,
                char **ret_error) {
        assert(event);
        assert(config && config->suite && config->run_id);
        assert(ret);

        if (kind == BACKEND_PLAIN)
                return plain_new(event, config, ret, ret_error);

        return systemd_new(event, kind, config, ret, ret_error);
}

Backend *backend_free(Backend *backend) {
        if (backend)
                backend->ops->backend_free(backend);

        return NULL;
}

BackendKind backend_get_kind(const Backend *backend) {
        return backend->kind;
}

/* ---- Choice ---- */

int backend_probe(BackendKind kind, char **ret_reason) {
        if (kind == BACKEND_PLAIN)
                return 0;

        return probe_manager(kind, ret_reason);
}

BackendKind backend_find_best(void) {
        for (BackendKind kind = BACKEND_SYSTEM; kind < BACKEND_PLAIN; kind++) {
                _cleanup_free_ char *reason = NULL;

                if (backend_probe(kind, &reason) >= 0)
                        return kind;

                log_debug("The %s backend cannot be used: %s",
                          kind_table[kind],
                          reason ? reason : "?");
        }

        return BACKEND_PLAIN;
}

int backend_find_unheld_limits(BackendKind kind, const BackendConfig *config, char **ret) {
        bool memory = false, tasks = false;

        if (kind != BACKEND_PLAIN)
                probe_controllers(kind, &memory, &tasks);

        bool memory_unheld = config->memory_max != SIZE_INFINITY && !memory;
        bool tasks_unheld = config->tasks_max != UINT64_MAX && !tasks;
        bool slice_unheld = config->slice_memory_max != SIZE_INFINITY && !memory;
        _cleanup_strv_ char **names = NULL;
        char *text = NULL;
        int r = 0;

        if (memory_unheld)
                r = strv_extend(&names, "MemoryMax=");
        if (r >= 0 && tasks_unheld)
                r = strv_extend(&names, "TasksMax=");
        if (r >= 0 && slice_unheld)
                r = strv_extend(&names, "SliceMemoryMax=");
        if (r < 0)
                return r;
        if (names) {
                text = strv_join(names, " and ");
                if (!text)
                        return -ENOMEM;
        }
        *ret = text;
        return 0;
}

/* ---- Workers ---- */

void backend_worker_init(
                BackendWorker *worker,
                const BackendOps *ops,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata) {
        worker->ops = ops;
        worker->slot = spec->slot;
        worker->generation = spec->generation;
        worker->handlers = *handlers;
        worker->userdata = userdata;
        worker->end.memory_peak = SIZE_UNKNOWN;
}

void backend_worker_done(BackendWorker *worker) {
        free(worker->error);
}

void backend_worker_report_ready(BackendWorker *worker) {
        assert(!worker->ended && !worker->end.started);

        worker->end.started = true;
        worker->handlers.on_ready(worker, worker->userdata);
}

void backend_worker_report_gone(BackendWorker *worker) {
        assert(!worker->ended);

        worker->ended = true;
        worker->end.error = NULL;
        if (!worker->end.started)
                worker->end.error = worker->error ? worker->error :
                                                    "It was stopped before it had started.";
        worker->handlers.on_gone(worker, &worker->end, worker->userdata);
}

void backend_worker_report_lost(BackendWorker *worker, const char *why) {
        assert(!worker->ended);

        worker->ended = true;
        worker->handlers.on_lost(worker, why, worker->userdata);
}

int backend_start_worker(
                Backend *backend,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret) {
        assert(spec->slot > 0 && spec->generation > 0);
        assert(spec->argv && spec->argv[0] && spec->argv[0][0] == '/');

        return backend->ops->start_worker(backend, spec, handlers, userdata, ret);
}

void backend_worker_begin_stop(BackendWorker *worker) {
        if (!worker->ended)
                worker->ops->worker_begin_stop(worker);
}

void backend_worker_kill(BackendWorker *worker) {
        if (!worker->ended)
                worker->ops->worker_kill(worker);
}

pid_t backend_worker_get_pid(const BackendWorker *worker) {
        return worker->pid;
}

const char *backend_worker_get_unit(const BackendWorker *worker) {
        return worker->unit;
}

BackendWorker *backend_worker_free(BackendWorker *worker) {
        if (worker)
                worker->ops->worker_free(worker);

        return NULL;
}

int backend_arm(Backend *backend,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler,
                void *userdata) {
        *source = sd_event_source_disable_unref(*source);
        if (usec == USEC_INFINITY)
                return 0;

        return sd_event_add_time_relative(
                        backend->event, source, CLOCK_MONOTONIC, usec, 1, handler, userdata);
}
