/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/timer.h"

#include "basic/clock.h"

int timer_init(Timer *timer,
               sd_event *event,
               const char *name,
               sd_event_time_handler_t handler,
               void *userdata) {
        int r;

        timer->usec = USEC_INFINITY;
        r = sd_event_add_time(
                        event,
                        &timer->source,
                        CLOCK_MONOTONIC,
                        0,
                        USEC_PER_MSEC,
                        handler,
                        userdata);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(timer->source, name);
        return sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
}

void timer_done(Timer *timer) {
        timer->source = sd_event_source_disable_unref(timer->source);
}

void timer_arm(Timer *timer, uint64_t usec) {
        timer->usec = usec;
        if (usec == USEC_INFINITY) {
                (void)sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
                return;
        }
        (void)sd_event_source_set_time(timer->source, clock_to_machine(usec));
        (void)sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

bool timer_is_due(Timer *timer) {
        if (clock_monotonic() >= timer->usec)
                return true;
        timer_arm(timer, timer->usec);
        return false;
}

void timer_follow_clock(Timer *timer) {
        int enabled = SD_EVENT_OFF;

        if (timer->source && sd_event_source_get_enabled(timer->source, &enabled) > 0)
                timer_arm(timer, timer->usec);
}
