/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/protocol.h"
#include "worker/module-area.h"
#include "worker/module-load.h"
#include "worker/module-state.h"

/*
 * Module runner: carries out requests in the module host, one after the other
 *
 * A context is set up before the first of its tests that is asked for, after those around it, and stays until it is
 * torn down by request, or all are because the host leaves. A shared one is set up by request alone: for tests it is
 * somebody else's. A set-up that failed is not tried again: its tests are not run.
 */

typedef struct ModuleRunner {
        ModuleArea *area;
        Module *module;
        ModuleState *state;
        int trace_fd;           /* borrowed */
        int socket_fd;          /* borrowed, as all */
        PtestPage *page;        /* of the worker; NULL: none */
        uint64_t id;            /* of the request that is carried out */
        ModuleContext *last_up; /* weak; the one that was set up last */
        uint64_t out_size, err_size;
        uint64_t data_max;   /* of the request before */
        uint64_t woken_usec; /* when the worker was last told to look */
        bool leaving;        /* not fit for another test */
        uint64_t n_bad;      /* outcomes of tests that were told */
        int crash_signal;    /* the first step that crashed: ends this process in the end */
        char *record;        /* MODULE_RING_RECORD_MAX bytes */
} ModuleRunner;

/*
 * Loads, says how that went, and takes what is then as how it has to be. -ELIBBAD: it was said why not. worker_set_up:
 * another module, whose hook is called first; NULL: none
 */
int module_runner_load(ModuleRunner *runner, const char *path, const char *worker_set_up);
void module_runner_done(ModuleRunner *runner);

int module_runner_handle(
                ModuleRunner *runner, const ModuleRequestRecord *request, const char *name);
int module_runner_tear_down_all(ModuleRunner *runner);
/* A step crashed: the host leaves, and ends by this signal when it has torn down. */
void module_runner_note_crash(ModuleRunner *runner);
/* The worker is to look at the results. */
void module_runner_wake(ModuleRunner *runner);
/* StepFound */
int module_runner_on_found(const PtestTest *test, const char *argument, void *userdata);
