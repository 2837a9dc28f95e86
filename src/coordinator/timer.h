/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macros.h"

#include <stdbool.h>

/*
 * Timer: a deadline on our clock, which stands still while the run is paused, in a loop that knows the machine's only
 */

typedef struct Timer {
        sd_event_source *source; /* NULL: none */
        uint64_t usec;           /* USEC_INFINITY: off */
} Timer;

/* Off. name: of the source */
int timer_init(Timer *timer,
               sd_event *event,
               const char *name,
               sd_event_time_handler_t handler,
               void *userdata);
void timer_done(Timer *timer);

/* At this time; USEC_INFINITY: never. Once. */
void timer_arm(Timer *timer, uint64_t usec);
/* For the handler: the loop may be early, as long as our clock stands. False: it will be called again. */
bool timer_is_due(Timer *timer);
/* After our clock stood: as far off as it was then. Also if it was due meanwhile and was not told yet. */
void timer_follow_clock(Timer *timer);
