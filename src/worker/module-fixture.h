/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/module-run.h"

/*
 * Fixtures of contexts, in the module host
 */

typedef struct ModuleFixture {
        const PtestContext *context;
        PtestFunction function;
} ModuleFixture;

/* For step_call(): userdata is a ModuleFixture. */
void module_fixture_call(void *userdata);

/*
 * Sets up what is not set up, the outermost first. 1 and the context if that failed. explicitly: also a shared one
 */
int module_contexts_raise(
                ModuleRunner *runner,
                ModuleContext *context,
                bool explicitly,
                const ModuleContext **ret_failed);

/* Those within outer; NULL: all. What was set up last goes first. */
int module_contexts_tear_down(ModuleRunner *runner, const ModuleContext *outer);

/* A test's or a fixture's time limit as a module gives it. */
uint64_t module_usec_from_timeout(unsigned timeout_ms);
