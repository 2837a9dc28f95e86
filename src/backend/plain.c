/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plain backend: processes, without any manager
 *
 * The coordinator is the sub-reaper: what a worker leaves behind becomes our child when its parent ends. A process
 * belongs to a worker if it descends from it, has the worker's mark in its environment, or is in its session. What
 * did away with all three is a child of ours in a session that is not ours, and is killed when no worker is left that
 * it could belong to. So children that the coordinator has itself must stay in its session; they are
 * never touched, nor reaped.
 */

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/child.h"
#include "backend/launch.h"
#include "backend/ops.h"
#include "backend/process-tree.h"
#include "basic/log.h"
#include "basic/process.h"
#include "basic/text.h"

#define SWEEP_FIRST_USEC (2 * USEC_PER_MSEC)
#define SWEEP_MAX_USEC   (100 * USEC_PER_MSEC)
/* So many sweeps in a row wait for what is not surely a worker's: the rest belongs to others. */
#define UNSETTLED_MAX    5U
/* A process that is in uninterruptible sleep may still end within this. */
#define KILL_USEC        (10 * USEC_PER_SEC)
/* Zombies of what workers left behind are taken away so often. */
#define REAP_USEC        (2 * USEC_PER_SEC)

typedef enum PlainState {
        PLAIN_STARTING, /* on_ready is due */
        PLAIN_RUNNING,
        PLAIN_STOPPING, /* SIGTERM was sent */
        PLAIN_KILLING,  /* SIGKILL was sent; swept until nothing is left */
        PLAIN_ENDED,    /* reported */
        PLAIN_STATE_MAX,
} PlainState;

typedef struct Plain Plain;
typedef struct PlainWorker PlainWorker;

struct PlainWorker {
        BackendWorker worker;
        Plain *plain; /* weak; NULL when ended */
        PlainState state;
        Child child;
        char *mark;
        uint64_t sweep_usec;
        unsigned n_unsettled; /* sweeps in a row that could not tell that nothing is left */
        sd_event_source *deadline;
        sd_event_source *sweep_timer;
        PlainWorker *prev, *next;
};

struct Plain {
        Backend backend;
        bool was_subreaper;
        PlainWorker *workers; /* weak: each is owned by who started it */
        sd_event_source *reap_timer;
};

/* ---- Whose is it ---- */

static bool plain_is_worker(const Plain *plain, pid_t pid) {
        PlainWorker *w;

        DL_FOREACH(plain->workers, w)
        if (w->child.pid == pid)
                return true;

        return false;
}

/* A child of ours that was adopted: none that we or the coordinator started */
static bool plain_is_adopted(const Plain *plain, pid_t pid, const ProcessStat *stat) {
        return stat->parent == getpid() && stat->session != getsid(0) &&
                        !plain_is_worker(plain, pid);
}

/* Whether a mark is that of a worker whose end was not reported */
static bool plain_knows_mark(const Plain *plain, const char *mark) {
        const PlainWorker *w;

        DL_FOREACH(plain->workers, w)
        if (strcmp(mark, w->mark) == 0)
                return true;

        return false;
}

typedef enum Ownership {
        OWNED_BY_OTHER,
        OWNED,
        OWNER_UNKNOWN, /* its environment cannot be read, as in the midst of an execve() */
} Ownership;

/*
 * Whose an adopted child is: that worker's whose mark it has. A mark of our run that no worker has any more is one that
 * was missed, and anybody's; one of another run, as a nested ptest gives it, says nothing.
 */
static Ownership worker_owns_adopted(const PlainWorker *w, pid_t pid, const ProcessStat *stat) {
        _cleanup_free_ char *mark = launch_read_mark(pid);

        if (mark && plain_knows_mark(w->plain, mark))
                return strcmp(mark, w->mark) == 0 ? OWNED : OWNED_BY_OTHER;
        if (mark && text_starts_with(mark, w->plain->backend.run_id))
                return OWNED;
        if (w->worker.pid > 0 && stat->session == w->worker.pid)
                return OWNED;

        const PlainWorker *other;
        DL_FOREACH(w->plain->workers, other)
        if (other != w && other->state != PLAIN_KILLING)
                return mark ? OWNED_BY_OTHER : OWNER_UNKNOWN;

        return OWNED;
}

/*
 * Adopted children of w that live; dead ones of anybody are reaped on the way. ret_unsettled: how many there were that
 * do not prove that nothing is left: a dead one may have had a child when its parent was asked for, and one whose owner
 * is unknown may be ours.
 */
static int worker_list_adopted(PlainWorker *w, PidList *ret, size_t *ret_unsettled) {
        _cleanup_(pid_list_done) PidList children = {};
        size_t unsettled = 0;

        int r = process_tree_list_children(&children);
        if (r < 0)
                return r;

        for (size_t i = 0; i < children.n; i++) {
                ProcessStat stat;
                pid_t pid = children.pids[i];

                if (process_get_stat(pid, &stat) < 0 || !plain_is_adopted(w->plain, pid, &stat))
                        continue;

                if (stat.state == 'Z' || stat.state == 'X') {
                        (void)waitpid(pid, NULL, WNOHANG);
                        unsettled++;
                        continue;
                }

                Ownership ownership = worker_owns_adopted(w, pid, &stat);
                if (ownership == OWNED)
                        (void)pid_list_add(ret, pid);
                else if (ownership == OWNER_UNKNOWN)
                        unsettled++;
        }

        *ret_unsettled = unsettled;
        return 0;
}

/* ---- Signals ---- */

/*
 * To all of a worker: its own process, all below it, and what we adopted of it. Returns how many it adopted, and tells
 * how many there were of which that is not sure.
 */
static size_t worker_signal_all(PlainWorker *w, int signo, size_t *ret_unsettled) {
        _cleanup_(pid_list_done) PidList adopted = {};
        size_t unsettled = 0;

        if (child_is_alive(&w->child))
                process_tree_signal(w->child.pid, signo);

        int r = worker_list_adopted(w, &adopted, &unsettled);
        if (r < 0)
                log_warning("Failed to look for what worker %u left behind: %s",
                            w->worker.slot,
                            strerror(-r));

        for (size_t i = 0; i < adopted.n; i++)
                process_tree_signal(adopted.pids[i], signo);

        if (ret_unsettled)
                *ret_unsettled = unsettled;
        return adopted.n;
}

/* ---- States ---- */

static int plain_on_deadline(sd_event_source *source, uint64_t usec, void *userdata);
static int plain_on_sweep(sd_event_source *source, uint64_t usec, void *userdata);

static const unsigned transitions[PLAIN_STATE_MAX] = {
        [PLAIN_STARTING] = 1U << PLAIN_RUNNING | 1U << PLAIN_KILLING | 1U << PLAIN_ENDED,
        [PLAIN_RUNNING] = 1U << PLAIN_STOPPING | 1U << PLAIN_KILLING,
        [PLAIN_STOPPING] = 1U << PLAIN_KILLING,
        [PLAIN_KILLING] = 1U << PLAIN_ENDED,
};

static int worker_arm(
                PlainWorker *w,
                sd_event_source **source,
                uint64_t usec,
                sd_event_time_handler_t handler) {
        return backend_arm(&w->plain->backend, source, usec, handler, w);
}

static void worker_set_state(PlainWorker *w, PlainState state) {
        uint64_t usec = state == PLAIN_STOPPING ? w->plain->backend.config.stop_usec :
                        state == PLAIN_KILLING  ? KILL_USEC :
                                                  USEC_INFINITY;

        assert(transitions[w->state] & (1U << state));
        log_debug("%s: state %d → %d", w->mark, (int)w->state, (int)state);
        w->state = state;

        int r = worker_arm(w, &w->deadline, usec, plain_on_deadline);
        if (r < 0)
                log_error("%s: failed to arm a deadline: %s", w->mark, strerror(-r));
}

static void worker_detach(PlainWorker *w) {
        w->deadline = sd_event_source_disable_unref(w->deadline);
        w->sweep_timer = sd_event_source_disable_unref(w->sweep_timer);
        if (w->plain) {
                DL_DELETE(w->plain->workers, w);
                w->plain = NULL;
        }
}

/* Kills what is left, and reports when nothing is; otherwise looks again soon. */
static void worker_sweep(PlainWorker *w) {
        size_t unsettled = 0;
        size_t left = worker_signal_all(w, SIGKILL, &unsettled);

        w->n_unsettled = unsettled > 0 ? w->n_unsettled + 1 : 0;
        if (left == 0 && (unsettled == 0 || w->n_unsettled > UNSETTLED_MAX) &&
            child_is_reaped(&w->child)) {
                w->worker.end.code = w->child.code;
                w->worker.end.status = w->child.status;
                worker_set_state(w, PLAIN_ENDED);
                worker_detach(w);
                backend_worker_report_gone(&w->worker);
                return;
        }

        w->sweep_usec = MIN(w->sweep_usec * 2, SWEEP_MAX_USEC);
        int r = worker_arm(w, &w->sweep_timer, w->sweep_usec, plain_on_sweep);
        if (r < 0)
                log_error("%s: failed to arm a timer: %s", w->mark, strerror(-r));
}

static int plain_on_sweep(sd_event_source *source, uint64_t usec, void *userdata) {
        worker_sweep(userdata);
        return 0;
}

static int worker_enter_killing(PlainWorker *w) {
        worker_set_state(w, PLAIN_KILLING);
        w->sweep_usec = SWEEP_FIRST_USEC;

        /* From a timer, so that no handler is called from within a call of the coordinator's. */
        return worker_arm(w, &w->sweep_timer, 0, plain_on_sweep);
}

static int plain_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        PlainWorker *w = userdata;

        switch (w->state) {
        case PLAIN_STARTING:
                if (!w->worker.error) {
                        worker_set_state(w, PLAIN_RUNNING);
                        backend_worker_report_ready(&w->worker);
                        break;
                }
                worker_set_state(w, PLAIN_ENDED);
                worker_detach(w);
                backend_worker_report_gone(&w->worker);
                break;
        case PLAIN_STOPPING:
                (void)worker_enter_killing(w);
                break;
        case PLAIN_KILLING:
                worker_set_state(w, PLAIN_ENDED);
                worker_detach(w);
                backend_worker_report_lost(
                                &w->worker, "processes of the worker are left after SIGKILL");
                break;
        default:
                break;
        }

        return 0;
}

static void plain_on_child_exit(void *userdata) {
        PlainWorker *w = userdata;

        if (w->state == PLAIN_STARTING) {
                _cleanup_free_ char *how = NULL;

                (void)child_describe_end(&w->child, &how);
                (void)text_setf(&w->worker.error,
                                "The worker ended before it was released: %s",
                                how ? how : "?");
        }

        if (w->state < PLAIN_KILLING)
                worker_set_state(w, PLAIN_KILLING);
        w->sweep_usec = SWEEP_FIRST_USEC;
        worker_sweep(w);
}

/* ---- Operations ---- */

static void plain_worker_begin_stop(BackendWorker *worker) {
        PlainWorker *w = (PlainWorker *)worker;

        if (w->state == PLAIN_STARTING)
                (void)worker_enter_killing(w);
        else if (w->state == PLAIN_RUNNING) {
                worker_set_state(w, PLAIN_STOPPING);
                (void)worker_signal_all(w, SIGTERM, NULL);
                (void)worker_signal_all(w, SIGCONT, NULL);
        }
}

static void plain_worker_kill(BackendWorker *worker) {
        PlainWorker *w = (PlainWorker *)worker;

        if (w->state < PLAIN_KILLING)
                (void)worker_enter_killing(w);
}

static void plain_worker_free(BackendWorker *worker) {
        PlainWorker *w = (PlainWorker *)worker;

        if (w->plain && w->child.pid > 0)
                (void)worker_signal_all(w, SIGKILL, NULL);

        worker_detach(w);
        child_done(&w->child);
        free(w->mark);
        backend_worker_done(&w->worker);
        free(w);
}

static int plain_start_worker(
                Backend *backend,
                const BackendWorkerSpec *spec,
                const BackendWorkerHandlers *handlers,
                void *userdata,
                BackendWorker **ret) {
        Plain *plain = (Plain *)backend;
        PlainWorker *w = calloc(1, sizeof(PlainWorker));
        if (!w)
                return -ENOMEM;

        _cleanup_(backend_worker_freep) BackendWorker *worker = &w->worker;
        w->child = CHILD_NULL;
        backend_worker_init(worker, backend->ops, spec, handlers, userdata);
        w->plain = plain;
        DL_APPEND(plain->workers, w);

        if (asprintf(&w->mark, "%s-w%ug%u", backend->run_id, spec->slot, spec->generation) < 0) {
                w->mark = NULL;
                return -ENOMEM;
        }

        int r = child_start(&w->child, backend->event, spec, w->mark, plain_on_child_exit, w);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                (void)text_setf(&worker->error,
                                "Failed to execute %s: %s",
                                spec->argv[0],
                                strerror(-r));
        else
                worker->pid = w->child.pid;

        /* on_ready, or on_gone with the error, comes from the loop. */
        r = worker_arm(w, &w->deadline, 0, plain_on_deadline);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(worker);
        return 0;
}

/* ---- Life ---- */

static void plain_reap(Plain *plain) {
        _cleanup_(pid_list_done) PidList children = {};

        if (process_tree_list_children(&children) < 0)
                return;

        for (size_t i = 0; i < children.n; i++) {
                ProcessStat stat;
                pid_t pid = children.pids[i];

                if (process_get_stat(pid, &stat) >= 0 && plain_is_adopted(plain, pid, &stat) &&
                    (stat.state == 'Z' || stat.state == 'X'))
                        (void)waitpid(pid, NULL, WNOHANG);
        }
}

static int plain_on_reap(sd_event_source *source, uint64_t usec, void *userdata) {
        Plain *plain = userdata;

        plain_reap(plain);
        (void)sd_event_source_set_time_relative(source, REAP_USEC);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

static void plain_free(Backend *backend) {
        Plain *plain = (Plain *)backend;

        assert(!plain->workers);

        plain_reap(plain);
        sd_event_source_disable_unref(plain->reap_timer);
        if (!plain->was_subreaper)
                (void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
        backend_done(backend);
        free(plain);
}

static const BackendOps plain_ops = {
        .start_worker = plain_start_worker,
        .worker_begin_stop = plain_worker_begin_stop,
        .worker_kill = plain_worker_kill,
        .worker_free = plain_worker_free,
        .backend_free = plain_free,
};

int plain_new(sd_event *event, const BackendConfig *config, Backend **ret, char **ret_error) {
        Plain *plain = calloc(1, sizeof(Plain));
        if (!plain)
                return -ENOMEM;

        _cleanup_(backend_freep) Backend *backend = &plain->backend;
        int subreaper = 0;
        int r = backend_init(backend, &plain_ops, event, BACKEND_PLAIN, config);
        if (r < 0)
                return r;

        (void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
        plain->was_subreaper = subreaper != 0;
        if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
                r = -errno;
                if (ret_error)
                        (void)text_setf(ret_error,
                                        "Failed to become the sub-reaper: %s",
                                        strerror(-r));
                return r;
        }

        r = sd_event_add_time_relative(
                        event,
                        &plain->reap_timer,
                        CLOCK_MONOTONIC,
                        REAP_USEC,
                        USEC_PER_SEC,
                        plain_on_reap,
                        plain);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(backend);
        return 0;
}
