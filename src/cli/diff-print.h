/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/diff-compare.h"

/*
 * A comparison of two runs, for people and for machines
 */

/* rows: of each section at most; SIZE_MAX: all */
int diff_print_text(const Diff *diff, size_t rows);
int diff_print_json(const Diff *diff, const HistoryRun *earlier, size_t n_earlier);
