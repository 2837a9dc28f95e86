/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/test.h"

#include "basic/macros.h"

/*
 * Failure: what an assertion has to say, in words
 *
 * The reason is one line that says where, what and with which values: "math.c:12: add(2, 2) == 5: 4, 5". The
 * details are what fits on no line: whole strings with the place where they differ, bytes in hexadecimal.
 */

#define MODULE_DETAILS_MAX 8192U

/*
 * message may be "". Both are cut where they do not fit, and printable. No memory is left behind, none is needed
 * beyond what the strings take to be escaped.
 */
void module_failure_describe(
                const PtestFailure *failure,
                const char *message,
                char *reason,
                size_t reason_size,
                char *details,
                size_t details_size);
