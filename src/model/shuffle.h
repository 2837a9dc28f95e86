/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * Puts the tests of a suite into an order that follows from a seed
 *
 * Of two tests the same one is first whatever else is in the suite: an order that matters can be looked for with fewer and
 * fewer tests. Priorities, contexts and exclusive tests hold as always: the schedule sees to that.
 */
int suite_shuffle(Suite *suite, uint64_t seed);
