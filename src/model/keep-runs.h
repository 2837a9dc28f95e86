/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many runs of a suite are kept
 */

typedef struct KeepRuns {
        uint64_t count; /* runs of the suite; UINT64_MAX: all */
        uint64_t size;  /* bytes of all their run files; SIZE_INFINITY: any */
} KeepRuns;

#define KEEP_RUNS_COUNT_DEFAULT 100U
#define KEEP_RUNS_SIZE_DEFAULT  (UINT64_C(1) << 30)

void keep_runs_init(KeepRuns *keep);

/*
 * "20", "500M", "20 500M" (also with a comma between them), "infinity"; "" is the default. What is not named has
 * its default. -EINVAL; -ERANGE: a number of 0
 */
int keep_runs_parse(const char *words, KeepRuns *ret);
#define KEEP_RUNS_EXPECTED "a number of runs and a size, such as 20, 500M or 20 500M, or infinity"

/* Is the run within bounds that is number i (from 0, the latest) and that takes so much together with later ones? */
bool keep_runs_hold(const KeepRuns *keep, size_t i, uint64_t size);
