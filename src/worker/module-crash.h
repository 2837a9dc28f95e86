/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/module-area.h"

/*
 * How a process that ran a test ended, in words
 */

/*
 * code and status are those of waitid(). The crash is looked at if it fits: "SIGSEGV at address 0x10", "SIGSEGV: stack
 * overflow", "SIGABRT", "exit status 3 before the test returned".
 */
int module_crash_describe(const ModuleCrash *crash, int code, int status, char **ret);

/* What a test that should fail makes of an outcome; the reason is replaced where it has to be. */
int module_outcome_expect_failure(Outcome *outcome, const char *expected, char **reason);
