/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "model/result.h"

/*
 * Private: the places that a test has for itself, TMPDIR and HOME, made before it and removed after it
 *
 * They are below a directory that belongs to the run, so that they go with it also if nobody else removes them. What a
 * test that failed had left in them is told in its result; if that is wanted they are kept, beside those that are
 * removed.
 */

typedef struct Private Private;

/* base: PTEST_PLACES_NEW and PTEST_PLACES_KEPT are in it; places: PrivatePlace bits */
int private_new(const char *base, unsigned places, Private **ret);
/* Removes them, if they are still there. */
Private *private_free(Private *private);
DEFINE_CLEANUP(Private, private_free);

/* Sets TMPDIR and HOME. */
int private_apply(const Private *private, char ***environment);

/* After the test's end, when its outcome is known. What cannot be removed is logged. */
int private_end(Private *private, bool keep, Result *result);
