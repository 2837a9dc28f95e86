/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/resource.h>

#include "worker/module-run.h"

/*
 * Report: what a module host says to its worker about one step, and what the step cost
 *
 *      begin ─▶ meter start ─▶ (the step) ─▶ meter stop ─▶ look ─▶ end
 */

typedef struct ModuleReport {
        ModuleResultRecord head;
        const char *name;
        char *reason; /* owned */
        char *dirty;  /* owned */
} ModuleReport;

void module_report_done(ModuleReport *report);

/* Waits while the ring is full. -EPIPE: the worker is gone */
int module_report_send(ModuleRunner *runner, ModuleReport *report);

void module_report_begin(
                ModuleRunner *runner,
                ModulePhase phase,
                uint64_t timeout_usec,
                const char *context,
                ModuleReport *report);
/* What was printed belongs to this step; what differs from before is in report->dirty. */
int module_report_look(ModuleRunner *runner, ModuleReport *report);
/* The step is over only when its result is visible: who dies in between has one result, not two. */
int module_report_end(ModuleRunner *runner, ModuleReport *report);

/* The reason of a step that was interrupted. */
int module_timeout_describe(uint64_t timeout_usec, char **reason);
/* The reason of a step that crashed. */
int module_report_describe_crash(ModuleReport *report);

typedef struct ModuleMeter {
        uint64_t monotonic, realtime;
        struct rusage usage;
        int who;
} ModuleMeter;

/* RUSAGE_SELF, or RUSAGE_CHILDREN */
ModuleMeter module_meter_start(int who);
void module_meter_stop(const ModuleMeter *meter, ModuleResultRecord *record);
