/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"

/*
 * What backend.c and the kinds of backends share: the table of operations and the common parts
 *
 * A kind embeds Backend and BackendWorker as the first members of its own structs. Only the files of
 * src/backend include this.
 */

typedef struct BackendOps {
        int (*start_worker)(
                        Backend *backend,
                        const BackendWorkerSpec *spec,
                        const BackendWorkerHandlers *handlers,
                        void *userdata,
                        BackendWorker **ret);
        void (*worker_begin_stop)(BackendWorker *worker);
        void (*worker_kill)(BackendWorker *worker);
        void (*worker_free)(BackendWorker *worker);
        void (*backend_free)(Backend *backend);
} BackendOps;

struct Backend {
        const BackendOps *ops;
        BackendKind kind;
        sd_event *event;
        BackendConfig config; /* its strings are our own copies */
        char *suite;
        char *run_id;
        char *guard_program;
};

struct BackendWorker {
        const BackendOps *ops;
        unsigned slot;
        unsigned generation;
        pid_t pid;        /* 0: never started; stays for logs when the process is reaped */
        const char *unit; /* weak: owned by the kind; NULL on plain */
        BackendWorkerHandlers handlers;
        void *userdata;
        bool ended;  /* on_gone or on_lost was called */
        char *error; /* why it could not be started */
        BackendWorkerEnd end;
};

/* The common parts; the strings of config are copied. */
int backend_init(
                Backend *backend,
                const BackendOps *ops,
                sd_event *event,
                BackendKind kind,
                const BackendConfig *config);
void backend_done(Backend *backend);

void backend_worker_init(
                BackendWorker *worker,
                const BackendOps *ops,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata);
void backend_worker_done(BackendWorker *worker);

/* Each calls its handler, in which the worker may be freed: it must not be touched afterwards. */
void backend_worker_report_ready(BackendWorker *worker);
void backend_worker_report_gone(BackendWorker *worker);
void backend_worker_report_lost(BackendWorker *worker, const char *why);

/* Makes a timer, in place of the one that is there; USEC_INFINITY: none */
int backend_arm(Backend *backend,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler,
                void *userdata);

/* The constructors and probes of the kinds */
int plain_new(sd_event *event, const BackendConfig *config, Backend **ret, char **ret_error);
int systemd_new(sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                Backend **ret,
                char **ret_error);
