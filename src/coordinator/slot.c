/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The life of a slot's worker, from its start to the moment when nothing of it is left
 *
 * Guarantees: on_result at most once for each task that was sent, and once for exactly those that are not
 * given to on_returned; on_empty only when the backend says that the worker is gone and all that it had
 * sent was read. What a result means, and whether a next worker is started, is left to the handlers.
 */

#include "coordinator/slot-internal.h"
#include "coordinator/slot-look.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "coordinator/settle.h"

static const char *const state_names[SLOT_STATE_MAX] = {
        [SLOT_EMPTY] = "empty", [SLOT_HELD] = "held", [SLOT_STARTING] = "starting",
        [SLOT_IDLE] = "idle",   [SLOT_BUSY] = "busy", [SLOT_STOPPING] = "stopping",
        [SLOT_LOST] = "lost",
};

static const bool transitions[SLOT_STATE_MAX][SLOT_STATE_MAX] = {
        [SLOT_EMPTY] = {[SLOT_HELD] = true     },
        [SLOT_HELD] = {  [SLOT_STARTING] = true, [SLOT_STOPPING] = true },
        [SLOT_STARTING] = { [SLOT_IDLE] = true, [SLOT_STOPPING] = true },
        [SLOT_IDLE] = { [SLOT_BUSY] = true, [SLOT_STOPPING] = true },
        [SLOT_BUSY] = { [SLOT_IDLE] = true, [SLOT_STOPPING] = true },
        [SLOT_STOPPING] = { [SLOT_EMPTY] = true,     [SLOT_LOST] = true },
};

const char *slot_state_to_string(SlotState state) {
        return state >= 0 && state < SLOT_STATE_MAX ? state_names[state] : NULL;
}

/* ---- State and deadline ---- */

static void slot_assert_state(const Slot *slot) {
        assert(slot->state == SLOT_EMPTY || slot->state == SLOT_LOST || slot->generation > 0);
        assert(slot->state != SLOT_EMPTY || (!slot->worker && slot->in_flight.n_tasks == 0));
        assert(slot->state != SLOT_IDLE || slot->in_flight.n_tasks == 0);
        assert(slot->state != SLOT_BUSY || slot->in_flight.n_tasks > 0);
        assert((slot->state != SLOT_IDLE && slot->state != SLOT_BUSY) || slot->said_hello);
}

void slot_arm(Slot *slot, uint64_t at_usec) {
        timer_arm(&slot->deadline, at_usec);
}

const char *slot_get_address(const Slot *slot, const InFlightTask *task) {
        return task->fixture ? task->fixture->address :
                               slot->context->suite->tests[task->test]->address;
}

PtestPage slot_read_page(const Slot *slot) {
        PtestPage page = {};

        if (!slot->page)
                return page;
        page.task_id = __atomic_load_n(&slot->page->task_id, __ATOMIC_ACQUIRE);
        page.started_usec = __atomic_load_n(&slot->page->started_usec, __ATOMIC_ACQUIRE);
        page.started_count = __atomic_load_n(&slot->page->started_count, __ATOMIC_ACQUIRE);
        page.finished_count = __atomic_load_n(&slot->page->finished_count, __ATOMIC_ACQUIRE);
        page.leader_pid = __atomic_load_n(&slot->page->leader_pid, __ATOMIC_ACQUIRE);
        return page;
}

bool slot_get_running(const Slot *slot, SlotRunning *ret) {
        PtestPage page = slot_read_page(slot);
        const InFlightTask *task;
        size_t at;

        if (page.task_id == 0)
                return false;
        at = in_flight_find(&slot->in_flight, page.task_id);
        if (at == slot->in_flight.n_tasks)
                return false;
        task = &slot->in_flight.tasks[at];
        *ret = (SlotRunning){ .id = task->id,
                              .address = slot_get_address(slot, task),
                              .started_usec = clock_from_machine(page.started_usec),
                              .leader_pid = (pid_t)page.leader_pid };
        if (task->fixture) {
                ret->timeout_usec = task->fixture->timeout_usec;
                ret->grace_usec = task->fixture->grace_usec;
                ret->leak_grace_usec = task->fixture->limits.leak_grace_usec;
                ret->stuck = (StuckPolicy)task->fixture->limits.stuck;
        } else {
                const TestTraits *traits = slot->context->suite->tests[task->test]->traits;

                ret->timeout_usec = traits->timeout_usec;
                ret->grace_usec = traits->grace_usec;
                ret->leak_grace_usec = traits->limits.leak_grace_usec;
                ret->stuck = (StuckPolicy)traits->limits.stuck;
        }
        return true;
}

/* What a worker may need from a test's time limit to its result, beside the test's grace and our margin. */
static uint64_t running_get_end_usec(const SlotRunning *running) {
        static const uint64_t look_usec[STUCK_MAX] = {
                [STUCK_STACKS] = PTEST_STUCK_REPORT_MAX,
                [STUCK_PROCESSES] = PTEST_STUCK_REPORT_BRIEF_MAX,
        };

        return usec_add(look_usec[running->stuck], running->leak_grace_usec);
}

/* When a busy worker is stuck, as things are now. The time that its page tells is believed only to the past. */
static uint64_t slot_get_busy_deadline(const Slot *slot) {
        SlotRunning running;
        uint64_t started;

        if (!slot_get_running(slot, &running))
                return usec_add(slot->active_usec, SLOT_IDLE_TIMEOUT);
        if (running.timeout_usec == USEC_INFINITY)
                return USEC_INFINITY;
        started = MIN(running.started_usec, clock_monotonic());
        return usec_add(usec_add(started, running.timeout_usec),
                        usec_add(usec_add(running.grace_usec, running_get_end_usec(&running)),
                                 SLOT_MARGIN));
}

uint64_t slot_get_deadline(const Slot *slot) {
        uint64_t now = clock_monotonic();

        switch (slot->state) {
        case SLOT_STARTING:
                return now + SLOT_HELLO_TIMEOUT;
        case SLOT_BUSY:
                /* Looked at again at the latest then: what runs changes without a word. */
                return MIN(slot_get_busy_deadline(slot), now + SLOT_RECHECK_INTERVAL);
        case SLOT_STOPPING:
                if (slot->cause == SLOT_CAUSE_OVER)
                        return now + slot->context->stop_usec;
                if (slot->cause == SLOT_CAUSE_INTERRUPTED)
                        return now + SLOT_INTERRUPT_TIMEOUT;
                return USEC_INFINITY;
        default:
                return USEC_INFINITY;
        }
}

void slot_set_state(Slot *slot, SlotState state) {
        if (slot->state == state)
                return;
        assert(transitions[slot->state][state]);
        log_debug("worker %u.%u: %s → %s%s%s",
                  slot->number,
                  slot->generation,
                  state_names[slot->state],
                  state_names[state],
                  slot->why ? ": " : "",
                  slot->why ?: "");
        slot->state = state;
        slot_arm(slot, slot_get_deadline(slot));
        slot_assert_state(slot);
}

void slot_emit(Slot *slot, EventKind kind, const char *why, const char *test) {
        slot->context->handlers->on_event(slot, kind, why, test, slot->context->userdata);
}

/* ---- Stopping ---- */

static void slot_set_cause(Slot *slot, SlotCause cause, const char *why) {
        slot->cause = cause;
        free(slot->why);
        slot->why = why ? strdup(why) : NULL;
}

void slot_fail(Slot *slot, SlotCause cause, const char *why) {
        slot_fail_at(slot, cause, why, NULL);
}

void slot_fail_at(Slot *slot, SlotCause cause, const char *why, const char *at) {
        SlotRunning running;
        bool is_running = slot_get_running(slot, &running);

        if (slot->state == SLOT_EMPTY || slot->state == SLOT_LOST)
                return;
        if (slot->state == SLOT_STOPPING && slot->cause != SLOT_CAUSE_OVER &&
            slot->cause != SLOT_CAUSE_INTERRUPTED) {
                slot_end_look(slot, true);
                return;
        }
        slot_set_cause(slot, cause, why);
        slot_set_state(slot, SLOT_STOPPING);
        slot_arm(slot, USEC_INFINITY);
        if (cause == SLOT_CAUSE_STUCK && !at) {
                slot_begin_look(slot,
                                why,
                                is_running ? running.address : NULL,
                                is_running ? running.stuck : STUCK_STACKS);
                return;
        }
        if (cause == SLOT_CAUSE_STUCK)
                slot_emit(slot, EVENT_WORKER_STUCK, why, at);
        backend_worker_begin_stop(slot->worker);
}

void slot_abort(Slot *slot, const char *why) {
        slot_fail(slot, SLOT_CAUSE_INTERRUPTED, why);
}

void slot_send_stop(Slot *slot, bool now) {
        int r = outbox_send(slot->outbox, &(Message){ .kind = MESSAGE_STOP, .stop.now = now });

        if (r < 0)
                log_debug("worker %u.%u: cannot be told to stop: %s",
                          slot->number,
                          slot->generation,
                          strerror(-r));
}

void slot_begin_stop(Slot *slot, SlotCause cause) {
        bool now = cause == SLOT_CAUSE_INTERRUPTED;

        switch (slot->state) {
        case SLOT_HELD:
        case SLOT_STARTING:
                slot_set_cause(slot, cause, "not needed any more");
                slot_set_state(slot, SLOT_STOPPING);
                slot_arm(slot, USEC_INFINITY);
                backend_worker_begin_stop(slot->worker);
                break;
        case SLOT_IDLE:
        case SLOT_BUSY:
                slot_set_cause(slot, cause, now ? "interrupted" : slot->spent_why);
                slot_set_state(slot, SLOT_STOPPING);
                slot_send_stop(slot, now);
                break;
        case SLOT_STOPPING:
                if (!now || slot->cause != SLOT_CAUSE_OVER)
                        break;
                slot_set_cause(slot, cause, "interrupted");
                slot_arm(slot, slot_get_deadline(slot));
                slot_send_stop(slot, true);
                break;
        default:
                break;
        }
}

/* ---- The end ---- */

void slot_clear(Slot *slot) {
        slot_drop_look(slot);
        slot->finish = sd_event_source_disable_unref(slot->finish);
        slot->outbox = outbox_free(slot->outbox);
        slot->worker = backend_worker_free(slot->worker);
        slot->gate_fd = fd_close(slot->gate_fd);
        slot->page_fd = fd_close(slot->page_fd);
        slot->spill_fd = fd_close(slot->spill_fd);
        if (slot->page)
                munmap(slot->page, sizeof(*slot->page));
        slot->page = NULL;
        slot->pid = 0;
        slot->in_flight = (InFlight){};
        slot->said_hello = slot->closed = slot->gone = slot->spent = slot->stands = false;
        slot->n_tests = slot->n_peeks = 0;
        free(slot->spent_why);
        slot->spent_why = NULL;
        free((char *)slot->end.error);
        slot->end = (BackendWorkerEnd){};
}

static void slot_describe_end(Slot *slot) {
        char *text;

        if (slot->why || slot->cause == SLOT_CAUSE_OVER)
                return;
        text = settle_describe_end(&slot->end, slot->context->suite->settings.worker_memory_max);
        slot_set_cause(slot, slot->cause, text ?: slot->spent_why);
        free(text);
}

static int slot_on_finish(sd_event_source *source, void *userdata) {
        Slot *slot = userdata;
        _cleanup_free_ char *why = NULL;
        bool started = slot->said_hello;

        slot_describe_end(slot);
        if (slot->in_flight.n_tasks > 0)
                slot_settle(slot);
        slot_emit(slot, EVENT_WORKER_STOPPED, slot->why, NULL);
        slot_clear(slot);
        slot_set_state(slot, SLOT_EMPTY);
        why = TAKE_PTR(slot->why);
        slot_set_cause(slot, SLOT_CAUSE_NONE, NULL);
        slot->context->handlers->on_empty(slot, started, why, slot->context->userdata);
        return 0;
}

void slot_try_finish(Slot *slot) {
        int r;

        if (!slot->gone || slot->finish)
                return;
        if (slot->said_hello && !slot->closed) {
                slot_arm(slot, clock_monotonic() + SLOT_DRAIN_TIMEOUT);
                return;
        }
        r = sd_event_add_defer(slot->context->event, &slot->finish, slot_on_finish, slot);
        if (r < 0)
                log_error_errno(r, "Failed to schedule the end of worker %u: %m", slot->number);
}

void slot_on_gone(BackendWorker *worker, const BackendWorkerEnd *end, void *userdata) {
        Slot *slot = userdata;

        slot_end_look(slot, false);
        slot->gone = true;
        slot->end = *end;
        slot->end.error = end->error ? strdup(end->error) : NULL;
        if (slot->state != SLOT_STOPPING) {
                slot_set_cause(slot, SLOT_CAUSE_DIED, end->error);
                slot_set_state(slot, SLOT_STOPPING);
        }
        slot_arm(slot, USEC_INFINITY);
        slot_try_finish(slot);
}

void slot_on_lost(BackendWorker *worker, const char *why, void *userdata) {
        Slot *slot = userdata;

        if (slot->state != SLOT_STOPPING) {
                slot_set_cause(slot, SLOT_CAUSE_DIED, why);
                slot_set_state(slot, SLOT_STOPPING);
        }
        slot_end_look(slot, false);
        /* With its gate closed it ends itself, should it ever run again. */
        slot->gate_fd = fd_close(slot->gate_fd);
        slot_settle(slot);
        slot_set_state(slot, SLOT_LOST);
        slot_emit(slot, EVENT_WORKER_LOST, why, NULL);
        slot->context->handlers->on_lost(slot, why, slot->context->userdata);
}

/* ---- Deadlines ---- */

static void slot_on_busy_deadline(Slot *slot) {
        _cleanup_free_ char *why = NULL;
        char buffer[FORMAT_MAX];
        SlotRunning running;

        if (slot_get_busy_deadline(slot) > clock_monotonic()) {
                slot_arm(slot, slot_get_deadline(slot));
                return;
        }
        if (slot_get_running(slot, &running))
                text_setf(&why,
                          "did not end its test, whose limit is %s",
                          format_time(buffer, running.timeout_usec));
        else
                text_setf(&why, "started none of its %zu tasks", slot->in_flight.n_tasks);
        slot_fail(slot, SLOT_CAUSE_STUCK, why);
}

static int slot_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Slot *slot = userdata;

        if (!timer_is_due(&slot->deadline))
                return 0;
        switch (slot->state) {
        case SLOT_STARTING:
                (void)channel_hub_listen_again(slot->context->hub, true);
                slot_fail(slot, SLOT_CAUSE_STUCK, "did not say hello");
                break;
        case SLOT_BUSY:
                slot_on_busy_deadline(slot);
                break;
        case SLOT_STOPPING:
                if (slot->gone) {
                        log_warning("The connection of worker %u.%u did not end with it",
                                    slot->number,
                                    slot->generation);
                        slot->closed = true;
                        slot_try_finish(slot);
                } else if (slot->cause == SLOT_CAUSE_OVER)
                        slot_fail(slot, SLOT_CAUSE_STUCK, "did not end when it was asked to");
                else
                        backend_worker_begin_stop(slot->worker);
                break;
        default:
                break;
        }
        return 0;
}

void slot_doubt_hello(Slot *slot) {
        if (slot->state == SLOT_STARTING)
                slot_arm(slot, MIN(slot->deadline.usec, clock_monotonic() + SLOT_UNHEARD_TIMEOUT));
}

/* ---- New, free, look ---- */

int slot_new(const SlotContext *context, unsigned number, Slot **ret) {
        _cleanup_(slot_freep) Slot *slot = calloc(1, sizeof(*slot));
        int r;

        if (!slot)
                return -ENOMEM;
        slot->context = context;
        slot->number = number;
        slot->gate_fd = slot->page_fd = slot->spill_fd = -1;
        r = timer_init(&slot->deadline, context->event, "slot-deadline", slot_on_deadline, slot);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(slot);
        return 0;
}

Slot *slot_free(Slot *slot) {
        if (!slot)
                return NULL;
        slot_clear(slot);
        timer_done(&slot->deadline);
        free(slot->why);
        free(slot);
        return NULL;
}

bool slot_takes_tasks(const Slot *slot) {
        return slot->state == SLOT_IDLE || slot->state == SLOT_BUSY;
}

bool slot_is_spent(const Slot *slot) {
        return slot->spent;
}

SlotState slot_get_state(const Slot *slot) {
        return slot->state;
}

unsigned slot_get_number(const Slot *slot) {
        return slot->number;
}

char *const *slot_get_stuck(const Slot *slot) {
        return slot->look.lines;
}

unsigned slot_get_generation(const Slot *slot) {
        return slot->generation;
}

pid_t slot_get_pid(const Slot *slot) {
        return slot->pid;
}

const char *slot_get_unit(const Slot *slot) {
        return slot->worker ? backend_worker_get_unit(slot->worker) : NULL;
}

size_t slot_get_in_flight(const Slot *slot) {
        return slot->in_flight.n_tasks;
}
