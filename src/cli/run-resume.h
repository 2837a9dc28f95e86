/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/past.h"
#include "cli/run-options.h"
#include "model/suite.h"

/*
 * "ptest run --resume": a run that goes on with one that was interrupted, or whose coordinator died
 *
 * What has its outcome there is not run again; all else in the suite is. A test that was running begins anew, with the
 * attempt that follows those that are recorded. Tests that others find are taken over with them where all that was found
 * has its outcome; otherwise the finder is run again, as nobody else knows what they are, and what it finds again is taken over.
 */

/* Runs that died in a row without a result before --resume=auto takes it for a reason to stop. */
#define RESUME_FRUITLESS_MAX  3U
/* If the last one died just now: somebody who comes later is to have another try. */
#define RESUME_FRUITLESS_USEC USEC_PER_MINUTE

/* Nothing in *ret: it is to begin anew. 1: nothing is to be run; *ret_status. Negative: wrong use. All is told. */
int run_resume_find(Past *ret, const RunOptions *options, const Suite *suite, int *ret_status);

/* Names what has its outcome and is not in the suite any more: it is left out. */
int run_resume_tell_vanished(Past *past, const RunOptions *options, const Suite *suite);

/* The suite is what will be run: says what is taken over of it, and adds what was found. */
int run_resume_match(Past *past, Suite *suite);
