/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ctrl-Z: the run stands still, and goes on
 *
 *      going ──SIGTSTP──▶ pausing ──all workers say that what they run stands still, or 5 s──▶ stopped (SIGSTOP)
 *        ▲                   │ SIGCONT, or a signal that ends the run                              │ SIGCONT
 *        └───────────────────┴─────────────────────────────────────────────────────────────────────┘
 *
 * Our clock stands from the first moment to the last, so that no deadline comes nearer and no duration has that time. While
 * it is pausing, what is said is listened to and nothing is begun. Who is stopped can do nothing: a service manager
 * that watches over us is told before. Killed then, we leave no more behind than at any other time: workers see their
 * gates close, and they are awake.
 *
 * A stop that nobody announces (SIGSTOP, a debugger) stops us alone, and is noticed afterwards: the workers went on with
 * their tests and have kept their limits, and that we did not look at them is not their fault.
 */

#include "coordinator/coordinator-internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "coordinator/notify.h"

/* Of workers; a stuck report that has to come to its end first takes three seconds. */
#define PAUSE_PATIENCE (5 * USEC_PER_SEC)

/* The loop wakes up ten times a second: when it did not for so long, we were not there, or the machine was not. */
#define GAP_MIN USEC_PER_SEC

static void coordinator_follow_clock(Coordinator *coordinator) {
        timer_follow_clock(&coordinator->limit);
        timer_follow_clock(&coordinator->patience);
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++)
                slot_follow_clock(pool_get_slot(coordinator->pool, i));
}

static void coordinator_pause_slots(Coordinator *coordinator, bool on) {
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++)
                slot_pause(pool_get_slot(coordinator->pool, i), on);
}

static uint64_t coordinator_go_on(Coordinator *coordinator) {
        const uint64_t away = clock_continue();

        coordinator->pausing = coordinator->paused_enough = false;
        coordinator->pause_limit = sd_event_source_disable_unref(coordinator->pause_limit);
        coordinator_follow_clock(coordinator);
        coordinator_pause_slots(coordinator, false);
        coordinator_wake(coordinator);
        return away;
}

/* Here we are stopped, and return when we are continued. */
static void coordinator_stop_here(Coordinator *coordinator) {
        uint64_t away;

        event_log_paused(&coordinator->log, coordinator_count_running(coordinator));
        notify_paused();
        (void)sd_event_set_watchdog(coordinator->event, false);
        if (kill(getpid(), SIGSTOP) < 0)
                log_warning("Failed to stop: %s", strerror(errno));
        notify_continued();
        (void)sd_event_set_watchdog(coordinator->event, true);
        away = coordinator_go_on(coordinator);
        event_log_continued(&coordinator->log, away);
}

void coordinator_try_pause(Coordinator *coordinator) {
        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++)
                if (!slot_stands(pool_get_slot(coordinator->pool, i)) &&
                    !coordinator->paused_enough)
                        return;
        coordinator_stop_here(coordinator);
}

void coordinator_cancel_pause(Coordinator *coordinator) {
        if (coordinator->pausing)
                (void)coordinator_go_on(coordinator);
}

static int coordinator_on_pause_limit(sd_event_source *source, uint64_t usec, void *userdata) {
        Coordinator *coordinator = userdata;

        for (unsigned i = 0; i < pool_get_size(coordinator->pool); i++) {
                const Slot *slot = pool_get_slot(coordinator->pool, i);

                if (!slot_stands(slot))
                        log_warning("Worker %u does not say that its tests stand still",
                                    slot_get_number(slot));
        }
        coordinator->paused_enough = true;
        coordinator_wake(coordinator);
        return 0;
}

static int coordinator_on_stop_signal(
                sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Coordinator *coordinator = userdata;
        int r;

        if (coordinator->pausing || coordinator->phase == RUN_OVER)
                return 0;
        r = sd_event_add_time_relative(
                        coordinator->event,
                        &coordinator->pause_limit,
                        CLOCK_MONOTONIC,
                        PAUSE_PATIENCE,
                        USEC_PER_MSEC,
                        coordinator_on_pause_limit,
                        coordinator);
        if (r < 0) {
                log_error_errno(r, "Cannot pause the run: %m");
                return 0;
        }
        coordinator->pausing = true;
        clock_stop();
        coordinator_pause_slots(coordinator, true);
        coordinator_wake(coordinator);
        return 0;
}

/* It comes after each stop, and matters only before one. */
static int coordinator_on_continue_signal(
                sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        coordinator_cancel_pause(userdata);
        return 0;
}

void coordinator_on_slot_stands(Slot *slot, void *userdata) {
        Coordinator *coordinator = userdata;

        if (coordinator->pausing)
                coordinator_wake(coordinator);
}

int coordinator_block_stops(void) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTSTP);
        sigaddset(&set, SIGCONT);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

int coordinator_watch_stops(Coordinator *coordinator) {
        int r;

        r = sd_event_add_signal(
                        coordinator->event,
                        &coordinator->stops[0],
                        SIGTSTP,
                        coordinator_on_stop_signal,
                        coordinator);
        if (r < 0)
                return r;
        return sd_event_add_signal(
                        coordinator->event,
                        &coordinator->stops[1],
                        SIGCONT,
                        coordinator_on_continue_signal,
                        coordinator);
}

int coordinator_loop(Coordinator *coordinator) {
        sd_event *event = coordinator->event;
        int r, status = 0;

        while (sd_event_get_state(event) != SD_EVENT_FINISHED) {
                r = sd_event_prepare(event);
                if (r == 0) {
                        const uint64_t before = clock_machine();

                        r = sd_event_wait(event, UINT64_MAX);
                        if (clock_machine() > before + GAP_MIN && !clock_is_stopped()) {
                                log_debug("We were not there for a while");
                                clock_skip(before);
                                coordinator_follow_clock(coordinator);
                        }
                }
                if (r > 0)
                        r = sd_event_dispatch(event);
                if (r < 0)
                        return r;
        }
        r = sd_event_get_exit_code(event, &status);
        return r < 0 ? r : status;
}
