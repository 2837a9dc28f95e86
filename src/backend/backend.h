/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/*
 * Backends: how workers are started, limited, watched and stopped
 *
 * "system" and "user" put each worker into a transient scope of that systemd manager, in the suite's slice;
 * "plain" has processes only: a session each, the coordinator as sub-reaper, and a scan of descendants.
 *
 * The life of a worker here:
 *
 *      backend_start_worker() ─▶ on_ready ─▶ … ─▶ on_gone
 *                              └────────────────▶ on_gone (started is false: it could not be started)
 *                                                 on_lost (it was to end and did not; nothing follows)
 *
 * Exactly one of on_gone and on_lost is called, once, never from within backend_start_worker(). on_gone means
 * gone: the process is reaped, and its cgroup is empty (plain: no descendant is left). Whatever remains when
 * the worker's own process has ended is killed by the backend without being asked.
 */

typedef enum BackendKind {
        BACKEND_SYSTEM,
        BACKEND_USER,
        BACKEND_PLAIN,
        BACKEND_KIND_MAX,
        BACKEND_KIND_INVALID = -22, /* -EINVAL */
} BackendKind;

const char *backend_kind_to_string(BackendKind kind);
BackendKind backend_kind_from_string(const char *s);

typedef struct Backend Backend;
typedef struct BackendWorker BackendWorker;

typedef struct BackendConfig {
        const char *suite;         /* name; escaped here for unit names */
        const char *run_id;        /* 32 hexadecimal digits */
        const char *guard_program; /* run with --guard it ends when its fd 3 is closed; NULL: no guard */
        uint64_t memory_max;       /* a worker's; bytes; SIZE_INFINITY: none */
        uint64_t tasks_max;        /* a worker's; UINT64_MAX: none */
        uint64_t slice_memory_max; /* of all workers together; SIZE_INFINITY: none */
        unsigned cpu_weight;       /* 100 is what everybody has; 0: not given. Not on plain */
        unsigned io_weight;
        uint64_t stop_usec;        /* from SIGTERM to SIGKILL */
        uint64_t runtime_max_usec; /* dead man's switch on a scope; USEC_INFINITY: none */
        uid_t uid; /* who the workers become by themselves; owner of delegated cgroups */
        gid_t gid;
} BackendConfig;

typedef struct BackendWorkerSpec {
        unsigned slot;       /* from 1 */
        unsigned generation; /* from 1 */
        char *const *argv;   /* argv[0] is an absolute path */
        const int *fds;      /* become 3, 4, … in the worker; borrowed */
        size_t n_fds;
} BackendWorkerSpec;

typedef struct BackendWorkerEnd {
        bool started;      /* on_ready had been called */
        const char *error; /* why it could not be started; NULL otherwise */
        int code;          /* CLD_EXITED, CLD_KILLED, CLD_DUMPED; 0: never ran */
        int status;        /* exit status or signal */
        bool oom_kill; /* the kernel killed the worker, or what is in one cgroup with it, for lack of memory */
        uint64_t memory_peak; /* SIZE_UNKNOWN */
} BackendWorkerEnd;

typedef struct BackendWorkerHandlers {
        /* In its scope, membership verified; still held by its gate. */
        void (*on_ready)(BackendWorker *worker, void *userdata);
        void (*on_gone)(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata);
        void (*on_lost)(BackendWorker *worker, const char *why, void *userdata);
} BackendWorkerHandlers;

/*
 * Connects and prepares (slice, subscription, removal of strays of dead coordinators of this suite). Blocks
 * for at most a few seconds, before the loop runs. On failure *ret_error (if not NULL) says what failed in
 * words; owned by the caller.
 */
int backend_new(sd_event *event,
                BackendKind kind,
                const BackendConfig *config,
                Backend **ret,
                char **ret_error);
/*
 * All workers must be gone, lost or freed. Stops the slice if nobody else uses it; waits until the manager has
 * taken the order, for a second at most, and not for the job.
 */
Backend *backend_free(Backend *backend);
DEFINE_CLEANUP(Backend, backend_free);

BackendKind backend_get_kind(const Backend *backend);

/* The best kind that works here, tried in the order system (root only), user, plain. Never fails: plain always works. */
BackendKind backend_find_best(void);
/* 0, or negative with the reason in words: no bus, a manager that does not know this process, … */
int backend_probe(BackendKind kind, char **ret_reason);

/* The limits in config that this kind cannot hold, in words for an error; *ret is NULL if it holds all. */
int backend_find_unheld_limits(BackendKind kind, const BackendConfig *config, char **ret);

int backend_start_worker(
                Backend *backend,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret);

/* SIGTERM to all of it (StopUnit), SIGKILL after stop_usec; on_gone or on_lost follows. Again: no effect. */
void backend_worker_begin_stop(BackendWorker *worker);
/* SIGKILL to all of it now. */
void backend_worker_kill(BackendWorker *worker);

pid_t backend_worker_get_pid(const BackendWorker *worker);
/* The scope's name; NULL on plain */
const char *backend_worker_get_unit(const BackendWorker *worker);

/* Forgets the worker; if it is not gone, it is killed as far as possible without waiting. */
BackendWorker *backend_worker_free(BackendWorker *worker);
DEFINE_CLEANUP(BackendWorker, backend_worker_free);
