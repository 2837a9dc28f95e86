/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * A record: one journal entry, a list of fields with names and values of any bytes
 */

typedef struct RecordField {
        char *name;
        char *data; /* NUL-terminated for convenience */
        size_t size;
} RecordField;

typedef struct Record {
        RecordField *fields; /* in the order added; names may repeat */
        size_t n_fields;
        size_t n_allocated;
} Record;

int record_new(Record **ret);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record, record_free);

int record_add(Record *record, const char *name, const void *data, size_t size);
int record_addf(Record *record, const char *name, const char *format, ...) _printf_(3, 4);

/* The first field of that name, or NULL */
const RecordField *record_find(const Record *record, const char *name);
/* Its value as a string (""-free of NUL bytes), or NULL */
const char *record_get(const Record *record, const char *name);
