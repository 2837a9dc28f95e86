/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a worker stands still with all that it runs, and goes on; and how it lets its coordinator look at what runs
 */

#include "worker/worker-internal.h"

#include <errno.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "worker/pause.h"
#include "worker/peek.h"

void worker_on_pause(Worker *worker, bool on) {
        worker->pausing = on;
        if (on)
                return;
        if (!worker->paused)
                return;
        worker->paused = false;
        (void)clock_continue();
        modules_note_away(worker->modules);
        worker->pause = pause_free(worker->pause);
}

/*
 * Who looks at a test at its time limit holds it still already, with a debugger, which cannot have what is frozen: it is let
 * come to its end, which takes a few seconds at most.
 */
void worker_try_pause(Worker *worker) {
        int r;

        if (!worker->pausing || worker->paused || worker->state == WORKER_ENDED ||
            (worker->run && run_is_looked_at(worker->run)) ||
            modules_are_looked_at(worker->modules))
                return;
        clock_stop();
        worker->paused = true;
        r = pause_new(runner_get_tree(worker->runner), &worker->pause);
        if (r < 0)
                log_warning("Failed to stop what runs: %s", strerror(-r));
        worker_send(worker, &(Message){ .kind = MESSAGE_PAUSED });
}

void worker_end_pause(Worker *worker) {
        if (clock_is_stopped())
                (void)clock_continue();
}

void worker_on_peek(Worker *worker, const Message *message) {
        Message answer = { .kind = MESSAGE_PEEKED, .peek = { .id = message->peek.id } };
        PeekStream *out = &answer.peek.out, *err = &answer.peek.err;
        int r = 0;

        out->from = message->peek.out.from;
        err->from = message->peek.err.from;
        if (!worker->run)
                r = modules_peek(worker->modules, message->peek.id, out, err);
        else if (tasks_get(&worker->tasks, 0)->id == message->peek.id) {
                r = run_peek(worker->run, out, err);
                r = r < 0 ? r : 1;
        }
        answer.peek.runs = r > 0;
        if (r < 0)
                log_warning("Failed to look at the output of a test: %s", strerror(-r));
        worker_send(worker, &answer);
        free(out->data);
        free(err->data);
}
