/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "record/buffer.h"

#include <stddef.h>

/*
 * Lists in one field: points of a test, processes that it left, …; one item a line (ptest/journal.h)
 */

void event_list_add_point(Buffer *list, const ResultPoint *point);
/* Items that are just text, none of them empty */
void event_list_add_texts(Buffer *list, char *const *texts);

/* Adds what the field has to the result. -EBADMSG, -E2BIG: RESULT_POINTS_MAX */
int event_list_parse_points(const char *data, size_t size, Result *result);
/* The same for texts, to a vector. */
int event_list_parse_texts(const char *data, size_t size, char ***texts);
