/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/record.h"

#include <stdint.h>

/*
 * Leaves fields out while an entry is read: outputs and lists are most of a large run, and few want them
 */

typedef struct FieldFilter {
        unsigned skip; /* SOURCE_WITHOUT_… */
        uint64_t out_size, err_size;
        bool dropped_out, dropped_err;
} FieldFilter;

/* Whether this field is to be left out. The size of an output that is left out is remembered. */
bool field_filter_drops(
                FieldFilter *filter, const char *name, size_t name_size, uint64_t value_size);
/* At the end of an entry: adds the sizes of outputs that were left out, where the entry does not tell them. */
int field_filter_finish(FieldFilter *filter, Record *record);
/* Forgets what it remembered, for an entry that is given up. */
void field_filter_reset(FieldFilter *filter);
