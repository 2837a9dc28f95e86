/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * Shards: a suite in n parts, each of which is run by somebody else who knows nothing of the others
 *
 * What a test's part is follows from the suite alone, or from it and the same durations: together the parts are the suite,
 * each test once. The tests of a whole or shared context stay together, so that its fixture is set up in one part
 * only: it is in the part of the outermost such context around it.
 */

#define SHARDS_MAX 10000U

/*
 * Drops all tests but those of part i (from 1) of n, by a hash: of a test's address, or of its context's name. A
 * test stays in its part whatever else is added to the suite or taken out of it.
 */
int suite_keep_shard(Suite *suite, unsigned i, unsigned n);
/* Whether that part has the test with this index. */
bool suite_shard_has(const Suite *suite, size_t test, unsigned i, unsigned n);

/*
 * The same by time: parts that take about as long as each other. durations: of each test, in the suite's order;
 * USEC_INFINITY where none is known, which counts as the mean of the others.
 */
int suite_keep_shard_by_duration(Suite *suite, unsigned i, unsigned n, const uint64_t *durations);
