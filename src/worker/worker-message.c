/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a worker says to its coordinator, and what it is told
 */

#include "worker/worker-internal.h"

#include <errno.h>

#include "wire/message.h"

void worker_send(Worker *worker, const Message *message) {
        int r;

        r = outbox_send(&worker->outbox, message);
        if (r < 0)
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_CHANNEL,
                                r,
                                "tell the coordinator how a test went");
}

void worker_flush(Worker *worker) {
        int r;

        if (worker->state == WORKER_ENDED)
                return;
        r = outbox_flush(&worker->outbox);
        if (r < 0)
                worker_end_by_error(worker, WORKER_STATUS_CHANNEL, r, "reach the coordinator");
}

/* Those that come when it is spent were sent before that was known. */
static void worker_on_tasks(Worker *worker, Message *message) {
        if (worker->state != WORKER_WORKING)
                return; /* sent before our stop was; they were not started, as bye says */

        for (size_t i = 0; i < message->tasks.n_items; i++)
                if (tasks_add(&worker->tasks, &message->tasks.items[i]) < 0) {
                        worker_end_by_error(
                                        worker,
                                        WORKER_STATUS_PROTOCOL,
                                        -ENOBUFS,
                                        "take more tasks");
                        return;
                }
        if (worker->spent)
                tasks_drop_but_tear_downs(&worker->tasks);
}

static void worker_on_cancel(Worker *worker, const Message *message) {
        uint64_t removed[PTEST_TASKS_MAX];
        Message answer = { .kind = MESSAGE_CANCELLED, .cancel = { .ids = removed } };

        worker_withdraw(worker);
        answer.cancel.n_ids = tasks_remove(
                        &worker->tasks, message->cancel.ids, message->cancel.n_ids, removed);
        worker_send(worker, &answer);
}

static void worker_on_stop(Worker *worker, const Message *message) {
        if (worker->state == WORKER_LEAVING) {
                worker_end(worker, WORKER_STATUS_GOOD);
                return;
        }
        worker_withdraw(worker);
        tasks_drop_waiting(&worker->tasks);
        worker->state = WORKER_FINISHING;
        if (!message->stop.now)
                return;
        if (worker->run)
                run_interrupt(worker->run);
        modules_interrupt(worker->modules);
}

static void worker_on_message(Worker *worker, Message *message) {
        switch (message->kind) {
        case MESSAGE_TASKS:
                worker_on_tasks(worker, message);
                return;
        case MESSAGE_CANCEL:
                worker_on_cancel(worker, message);
                return;
        case MESSAGE_PAUSE:
                worker_on_pause(worker, message->pause.on);
                return;
        case MESSAGE_PEEK:
                worker_on_peek(worker, message);
                return;
        case MESSAGE_STOP:
                worker_on_stop(worker, message);
                return;
        default:
                worker_end_by_error(
                                worker,
                                WORKER_STATUS_PROTOCOL,
                                -EBADMSG,
                                "understand a message that only workers send");
        }
}

void worker_receive(Worker *worker) {
        while (worker->state != WORKER_ENDED) {
                _cleanup_(message_freep) Message *message = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;
                int r;

                r = channel_worker_receive(worker->channel, &data, &size);
                if (r == -EAGAIN)
                        return;
                if (r < 0) {
                        worker_end_by_error(worker, WORKER_STATUS_CHANNEL, r, "receive tasks");
                        return;
                }
                r = message_unpack(data, size, PTEST_MESSAGE_SIZE_MAX, &message);
                if (r < 0) {
                        worker_end_by_error(
                                        worker, WORKER_STATUS_PROTOCOL, r, "understand a message");
                        return;
                }
                worker_on_message(worker, message);
        }
}
