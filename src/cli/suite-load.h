/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/loader.h"

/*
 * The suites that a command line names, as one, with the tests that its patterns select
 *
 * Logs what is wrong, all of it; the error is then only for the exit status.
 */

int suite_load(char *const *targets,
               char *const *patterns,
               const LoadOptions *options,
               Suite **ret);
