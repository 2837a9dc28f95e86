/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>

#include "wire/channel.h"
#include "worker/found.h"
#include "worker/growth.h"
#include "worker/modules.h"
#include "worker/outbox.h"
#include "worker/pause.h"
#include "worker/run.h"
#include "worker/tasks.h"
#include "worker/worker.h"

/*
 * What worker.c, worker-message.c and worker-task.c share: one object in three files
 */

typedef enum WorkerState {
        WORKER_WORKING,
        WORKER_FINISHING, /* nothing is started any more */
        WORKER_LEAVING,   /* all is said */
        WORKER_ENDED,     /* the status says why */
} WorkerState;

typedef struct Worker {
        const WorkerOptions *options; /* weak */
        ChannelWorker *channel;       /* never freed, see worker.h */
        Outbox outbox;
        Runner *runner;
        Modules *modules;
        PtestPage *page;
        char *exports_path; /* where set-ups write theirs */
        char *found_path;   /* and tests what they find */

        WorkerState state;
        WorkerStatus status;
        uint64_t leave_usec; /* in WORKER_LEAVING: when to go without an acknowledgement */

        Tasks tasks;
        Run *run;    /* of the first task */
        Found found; /* by the first task, so far */

        unsigned n_tests; /* that have ended */
        Growth growth;    /* our own */
        bool exhausted;   /* to be spent as soon as nothing runs */
        bool spent;       /* it was said */

        bool pausing; /* asked to, or done */
        bool paused;  /* the clock and all that runs stand still */
        Pause *pause; /* NULL: not paused, or it failed */

        size_t n_polled, n_kept_fds, n_module_fds; /* in this poll */
} Worker;

/* The loop ends after this; the first reason counts. */
void worker_end(Worker *worker, WorkerStatus status);
void worker_end_by_error(Worker *worker, WorkerStatus status, int error, const char *what);

/* ---- worker-message.c ---- */

/* What is said comes to the coordinator with the next flush, which is before anything is waited for. */
void worker_send(Worker *worker, const Message *message);
void worker_flush(Worker *worker);
/* All that has come. */
void worker_receive(Worker *worker);

/* ---- worker-pause.c ---- */

void worker_on_pause(Worker *worker, bool on);
void worker_on_peek(Worker *worker, const Message *message);
/* As soon as it may be: nothing is started meanwhile. */
void worker_try_pause(Worker *worker);
/* Who ends what stands still needs a clock that goes. */
void worker_end_pause(Worker *worker);

/* ---- worker-task.c ---- */

int worker_open_modules(Worker *worker);
/* What a module's host has not begun waits here again. */
void worker_withdraw(Worker *worker);
/* The test that is a program has ended. */
void worker_finish_run(Worker *worker);
void worker_start_tasks(Worker *worker);
void worker_dispatch_modules(Worker *worker, const struct pollfd *fds, size_t n_fds);
