/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/capability.h"
#include "model/suite.h"

/*
 * Refuses limits of tests that cannot be held (logged; negative). With allow_degraded it says in *degraded what is not
 * held, behind what stands there.
 */
int run_check_test_limits(
                const Suite *suite, BackendKind backend, bool allow_degraded, char **degraded);
