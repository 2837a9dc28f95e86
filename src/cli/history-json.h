/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-run.h"
#include "model/flakiness.h"
#include "model/statistics.h"

#include <jansson.h>

/*
 * Parts of what is printed for machines when runs are compared; keys as the records' fields, in ptest(1)
 *
 * All give a new reference, or NULL if there was no memory.
 */

json_t *json_from_spread(const Spread *spread); /* NULL: null */
json_t *json_from_flakiness(const Flakiness *flakiness);

json_t *json_from_history_run(const HistoryRun *run);
json_t *json_from_history_result(const HistoryResult *result); /* NULL: null */
