/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a slot's worker says. It is believed only what fits: a worker that sends anything else is ended, and
 * costs nobody but itself and the test that it was at.
 */

#include "coordinator/slot-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "wire/message.h"

static void slot_on_hello(Slot *slot, const Message *message, const ChannelPacket *packet) {
        /* It was to go before it had come up. */
        if (slot->state == SLOT_STOPPING && !slot->said_hello)
                return;
        if (slot->state != SLOT_STARTING || slot->said_hello) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "said hello twice");
                return;
        }
        if (message->hello.slot != slot->number || message->hello.generation != slot->generation) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "said that it is another worker");
                return;
        }
        slot->said_hello = true;
        slot->pipe = packet->pipe;
        slot_set_state(slot, SLOT_IDLE);
        slot_emit(slot, EVENT_WORKER_STARTED, NULL, NULL);
        slot->context->handlers->on_ready(slot, slot->context->userdata);
}

/* ---- A worker that is spent ---- */

static bool task_is_of_module(const Slot *slot, const InFlightTask *task) {
        return (task->fixture ? task->fixture->protocol :
                                slot->context->suite->tests[task->test]->traits->protocol) ==
                        TEST_PROTOCOL_MODULE;
}

static uint64_t task_get_timeout(const Slot *slot, const InFlightTask *task) {
        return task->fixture ? task->fixture->timeout_usec :
                               slot->context->suite->tests[task->test]->traits->timeout_usec;
}

static void slot_describe_spent(Slot *slot, const char *address, Outcome outcome, unsigned marks) {
        const SuiteSettings *settings = &slot->context->suite->settings;
        char size[FORMAT_MAX];

        if (marks & PTEST_MARK_DIRTY)
                (void)text_setf(&slot->spent_why, "its process was left dirty by %s", address);
        else if (outcome == PTEST_OUTCOME_CRASH || outcome == PTEST_OUTCOME_OOM ||
                 outcome == PTEST_OUTCOME_TIMEOUT)
                (void)text_setf(&slot->spent_why,
                                "%s was the end of its process: %s",
                                address,
                                outcome_to_string(outcome));
        else if (settings->recycle_after > 0 && slot->n_tests >= settings->recycle_after)
                (void)text_setf(&slot->spent_why,
                                "recycled after %u test%s",
                                slot->n_tests,
                                slot->n_tests == 1 ? "" : "s");
        else if (settings->recycle_memory != SIZE_INFINITY)
                (void)text_setf(&slot->spent_why,
                                "recycled, for it has grown by %s or more",
                                format_size(size, settings->recycle_memory));
        else
                (void)text_setf(&slot->spent_why, "%s left nothing to run tests in", address);
}

/* What it had not started is given to others. One that could not end its test cannot be asked to leave either. */
static void slot_on_spent(Slot *slot, const InFlightTask *task, Outcome outcome, unsigned marks) {
        const char *address = slot_get_address(slot, task);

        slot->spent = true;
        slot_describe_spent(slot, address, outcome, marks);
        slot_return_unstarted(slot);
        if (outcome == PTEST_OUTCOME_TIMEOUT && task_is_of_module(slot, task)) {
                _cleanup_free_ char *why = NULL;
                char limit[FORMAT_MAX];

                (void)text_setf(&why,
                                "could not end it at its limit, %s",
                                format_time(limit, task_get_timeout(slot, task)));
                slot_fail_at(slot,
                             SLOT_CAUSE_STUCK,
                             why ?: "could not end it at its limit",
                             address);
        }
        slot->context->handlers->on_spent(slot, slot->context->userdata);
}

/* ---- Messages ---- */

static void slot_on_finished(Slot *slot, Message *message) {
        Result *result = message->finished.result;
        Outcome outcome = result->outcome;
        unsigned marks = result->marks;
        InFlightTask task;
        int r;

        r = in_flight_finish(&slot->in_flight, message->finished.id, &task);
        if (r == -ENOENT) {
                log_debug("worker %u.%u: late result %" PRIu64 " ignored",
                          slot->number,
                          slot->generation,
                          message->finished.id);
                return;
        }
        if (r < 0) {
                slot_fail(slot,
                          SLOT_CAUSE_BROKEN,
                          "sent the result of a test that it had not come to");
                return;
        }
        r = text_setf(&result->address, "%s", slot_get_address(slot, &task));
        if (r < 0)
                log_error_errno(r, "Failed to name a result: %m");
        if (slot->state == SLOT_BUSY && slot->in_flight.n_tasks == 0)
                slot_set_state(slot, SLOT_IDLE);
        slot->n_tests += task.role == PTEST_ROLE_TEST;
        slot_deliver(slot,
                     &task,
                     TAKE_PTR(message->finished.result),
                     TAKE_PTR(message->finished.exported));
        if (message->finished.spent)
                slot_on_spent(slot, &task, outcome, marks);
}

/* Only a test that runs finds others, and only one that may. */
static void slot_on_found(Slot *slot, const Message *message) {
        const InFlight *in_flight = &slot->in_flight;
        const InFlightTask *task = in_flight->tasks;
        const TestTraits *traits;

        if (slot->cause == SLOT_CAUSE_BROKEN)
                return;
        if (in_flight->n_tasks == 0 || task->id != message->found.id ||
            task->role != PTEST_ROLE_TEST) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "found tests for what it was not at");
                return;
        }
        traits = slot->context->suite->tests[task->test]->traits;
        if (traits->protocol != TEST_PROTOCOL_MODULE && !traits->finds) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "found tests for one that finds none");
                return;
        }
        slot->context->handlers->on_found(
                        slot,
                        task->test,
                        (char **const *)message->found.items,
                        message->found.n_items,
                        slot->context->userdata);
}

/* A result too large for the socket: it lies in the memory file that only this worker and we have. */
static void slot_on_spilled(Slot *slot, const Message *message) {
        _cleanup_(message_freep) Message *inner = NULL;
        _cleanup_free_ char *data = malloc(message->spilled.size);
        ssize_t n = -1;

        if (data)
                n = pread(slot->spill_fd,
                          data,
                          message->spilled.size,
                          (off_t)message->spilled.offset);
        if (n < 0 || (uint64_t)n != message->spilled.size ||
            message_unpack(data, message->spilled.size, PTEST_SPILL_SIZE_MAX, &inner) < 0 ||
            inner->kind != MESSAGE_FINISHED || inner->finished.id != message->spilled.id) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "spilled what is not a result");
                return;
        }
        (void)fallocate(slot->spill_fd,
                        FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)message->spilled.offset,
                        (off_t)message->spilled.size);
        slot_on_finished(slot, inner);
}

static void slot_on_cancelled(Slot *slot, const Message *message) {
        for (size_t i = 0; i < message->cancel.n_ids; i++) {
                InFlightTask task;

                if (in_flight_cancel(&slot->in_flight, message->cancel.ids[i], &task) < 0)
                        continue;
                slot_return(slot, &task);
        }
        if (slot->state == SLOT_BUSY && slot->in_flight.n_tasks == 0)
                slot_set_state(slot, SLOT_IDLE);
}

/* Many answers to one question would be a flood for whoever asked. */
static void slot_on_peeked(Slot *slot, const Message *message) {
        if (slot->n_peeks == 0) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "answered what it was not asked");
                return;
        }
        slot->n_peeks--;
        slot->context->handlers->on_peeked(slot, message, slot->context->userdata);
}

static void slot_on_message(Slot *slot, Message *message, const ChannelPacket *packet) {
        if (message->kind != MESSAGE_HELLO && (!slot->said_hello || slot->pipe != packet->pipe)) {
                slot_fail(slot, SLOT_CAUSE_BROKEN, "spoke before it said hello");
                return;
        }
        switch (message->kind) {
        case MESSAGE_HELLO:
                slot_on_hello(slot, message, packet);
                break;
        case MESSAGE_FINISHED:
                slot_on_finished(slot, message);
                break;
        case MESSAGE_SPILLED:
                slot_on_spilled(slot, message);
                break;
        case MESSAGE_FOUND:
                slot_on_found(slot, message);
                break;
        case MESSAGE_CANCELLED:
                slot_on_cancelled(slot, message);
                break;
        case MESSAGE_PAUSED:
                slot->stands = true;
                slot->context->handlers->on_stands(slot, slot->context->userdata);
                break;
        case MESSAGE_PEEKED:
                slot_on_peeked(slot, message);
                break;
        case MESSAGE_BYE:
                slot_send_stop(slot, true);
                break;
        default:
                slot_fail(slot, SLOT_CAUSE_BROKEN, "sent a message that only a coordinator sends");
                break;
        }
}

void slot_on_packet(Slot *slot, const ChannelPacket *packet) {
        size_t offset = 0;

        slot->active_usec = clock_monotonic();
        /* What one message makes of the slot decides whether the next is listened to. */
        while (slot->worker && slot->state != SLOT_LOST) {
                _cleanup_(message_freep) Message *message = NULL;
                int r = message_unpack_next(packet->data, packet->size, &offset, &message);

                if (r == -EAGAIN)
                        return;
                if (r == -EPROTONOSUPPORT) {
                        slot_fail(slot,
                                  SLOT_CAUSE_BROKEN,
                                  "speaks another version of the protocol: ptest-worker and ptest do not belong together");
                        return;
                }
                if (r < 0) {
                        slot_fail(slot, SLOT_CAUSE_BROKEN, "sent a broken message");
                        return;
                }
                slot_on_message(slot, message, packet);
        }
}

void slot_on_closed(Slot *slot, uint32_t pipe) {
        if (!slot->worker || !slot->said_hello || slot->pipe != pipe)
                return;
        slot->closed = true;
        if (slot->gone)
                slot_try_finish(slot);
        else if (slot->state == SLOT_IDLE || slot->state == SLOT_BUSY)
                slot_arm(slot,
                         MIN(slot_get_deadline(slot), clock_monotonic() + SLOT_DRAIN_TIMEOUT));
}
