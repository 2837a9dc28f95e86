/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"

#include <jansson.h>

/*
 * Records as JSON, with keys that are named as the fields; see ptest(1). NULL: -ENOMEM
 */

json_t *json_from_marks(unsigned marks);
/* All but the output, of which only the sizes */
json_t *json_from_result(const Result *result);
/* NULL events are null. */
json_t *json_from_started(const Event *event);
json_t *json_from_finished(const Event *event);
/* Of all outcomes, also those that did not occur */
json_t *json_from_counts(const Tally *tally);
