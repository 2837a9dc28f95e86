/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/host-cell.h"
#include "worker/module-memory.h"
#include "worker/module.h"
#include "worker/stuck.h"

/*
 * What module.c, module-start.c and module-end.c share: one object in three files
 */

typedef struct ModulePending {
        uint64_t id, timeout_usec;
        uint64_t ring_start; /* once sent: where the ring was before it */
        ModuleOp op;
        bool isolate;
        StuckPolicy stuck;
        char *name;
} ModulePending;

typedef enum ModuleHostState {
        MODULE_HOST_NONE,
        MODULE_HOST_RUNNING,
        MODULE_HOST_LEAVING,  /* tears down and ends by itself */
        MODULE_HOST_SWEEPING, /* ended; what its tests left is being killed */
} ModuleHostState;

struct ModuleHost {
        ModuleHostOptions options; /* with copies of the strings */
        char *program, *path;
        char *worker_set_up; /* NULL: none */
        char *workdir;       /* NULL: the worker's */
        char **environment;

        ModuleHostState state;
        ModuleMemory memory;
        HostCell cell;
        int socket_fd;
        pid_t pid;
        int pid_fd;
        bool killed;
        int code, status; /* how the last one ended */
        uint64_t leave_usec;
        uint64_t interrupted_sequence, interrupted_usec; /* the step that was, and when */
        Stuck *report;            /* of the step at its time limit; NULL: none */
        uint64_t looked_sequence; /* the step that one was begun of */
        uint64_t held_sequence; /* whose child is held until its process has interrupted it; 0: none */
        unsigned n_starts, n_idle_deaths;
        uint64_t n_written; /* requests to this process so far */
        bool left_in_order; /* the last one had torn down what was set up in it */
        bool interrupting;  /* what it is at is to be interrupted */
        bool posthumous;    /* what is said now no process has said */

        ModulePending *pending; /* in their order; the first n_sent are in the host's ring or done */
        size_t first, n_pending, n_sent, n_allocated;

        char *load_error;       /* the module cannot be used: every request gets it */
        char **failed_contexts; /* pairs: a name, and why its set-up ended its host */
        char *buffer;           /* of MODULE_RING_RECORD_MAX */
};

/* Of a result's three texts, as they stand behind it. */
typedef struct ModuleTexts {
        char *name, *reason, *dirty;
} ModuleTexts;

void module_texts_done(ModuleTexts *texts);

/* The oldest request without an answer; NULL: none */
ModulePending *module_host_get_first(ModuleHost *host);
/* Those that its process has not claimed, the last ones of what was sent, count as not sent. */
void module_host_unsend(ModuleHost *host);
/* An answer to it that no host gave. */
int module_host_answer(ModuleHost *host, Outcome outcome, const char *reason);
/* Its set-up ended its host: no other one tries it. */
int module_host_note_failed_context(ModuleHost *host, const char *name, const char *reason);
/* -EBADMSG: not what a host may say now */
int module_host_take_record(
                ModuleHost *host, const ModuleResultRecord *record, const ModuleTexts *texts);
int module_host_take_results(ModuleHost *host);

int module_host_start(ModuleHost *host);

/* module-look.c: true: the interruption of that step has to wait until the report is made; and into its result */
bool module_host_look(ModuleHost *host, uint64_t sequence, uint64_t now);
int module_host_take_report(ModuleHost *host, Result *result);
/* The same for a child that a test runs in and that the process itself interrupts. */
void module_host_look_at_child(ModuleHost *host, uint64_t sequence, uint64_t now);
/* Whoever was stopped goes on: the process and all that are below it. */
void module_host_let_go(ModuleHost *host);

/* Whether it has ended; what it was at gets its outcome then. */
int module_host_reap(ModuleHost *host);
/* Until nothing is left of it. */
void module_host_sweep(ModuleHost *host);
