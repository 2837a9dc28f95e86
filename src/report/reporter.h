/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"

/*
 * Reporters: from events to what a person or a tool reads
 */

typedef struct Reporter Reporter;

typedef struct ReporterVTable {
        int (*on_event)(Reporter *reporter, const Event *event);
        void (*free)(Reporter *reporter);
} ReporterVTable;

/* Each kind of reporter begins with this. */
struct Reporter {
        const ReporterVTable *vtable;
};

/* Events in the order of the run: run started, …, run finished. Negative: its output could not be written. */
int reporter_on_event(Reporter *reporter, const Event *event);
Reporter *reporter_free(Reporter *reporter);
DEFINE_CLEANUP(Reporter, reporter_free);

/* JUnit XML, written when the run has finished (to a new file that then takes the name). */
int junit_new(const char *path, Reporter **ret);

/* TAP 13, as it goes. path NULL: stdout */
int tap_new(const char *path, Reporter **ret);
