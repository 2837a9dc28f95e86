/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/report.h"

#include "model/result.h"

/*
 * TAP: reads the Test Anything Protocol, versions 12 to 14, as it is printed
 *
 * Lenient where producers differ (missing numbers, numbers out of order, garbage between points), strict where
 * a result could be wrong: the plan must be there, once, at the beginning or the end, and must fit.
 *
 *      ok, ok # SKIP, not ok # SKIP, not ok # TODO     do not fail the test
 *      not ok                                          fails it
 *      ok # TODO                                       is an unexpected pass, which fails it (as in meson and automake)
 *      Bail out!                                       is an error, from a subtest as well
 *      1..0, all points skipped                        is a skip
 *
 * Subtests (indented by four spaces) are not read but for "Bail out!": their parent's point says how they went.
 */

typedef struct Tap Tap;

/* Points go into the result, which must outlive it. */
int tap_new(Result *result, Tap **ret);
Tap *tap_free(Tap *tap);
DEFINE_CLEANUP(Tap, tap_free);

int tap_feed(Tap *tap, const char *data, size_t size);
/* After the last byte, once. */
int tap_finish(Tap *tap, Report *ret);
