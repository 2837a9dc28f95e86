/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A record: one journal entry, a list of fields with names and values of any bytes
 *
 * Names and values live in a few chunks that the record owns, so that one can be filled again and again
 * without allocating.
 */

typedef struct RecordField {
        const char *name;
        uint64_t key;     /* of the name, see record_find() */
        const char *data; /* NUL-terminated for convenience */
        size_t size;
} RecordField;

typedef struct Record {
        RecordField *fields; /* in the order added; names may repeat */
        size_t n_fields;
        size_t n_allocated;
        struct RecordChunk *chunks;
} Record;

/* What a journal takes in one entry; -E2BIG beyond. */
#define RECORD_FIELDS_MAX 1024U

int record_new(Record **ret);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record, record_free);

/* Drops the fields, keeps the memory. */
void record_reset(Record *record);

/* A to Z, 0 to 9 and _, not beginning with a digit, at most 64 bytes: journald drops other fields without a word. */
bool record_name_is_valid(const char *name, size_t size);

/* Copies. -EINVAL: a name that is not valid */
int record_add(Record *record, const char *name, const void *data, size_t size);
/* The same with a name that is not NUL-terminated */
int record_add_field(
                Record *record, const char *name, size_t name_size, const void *data, size_t size);
int record_add_string(Record *record, const char *name, const char *value);
int record_addf(Record *record, const char *name, const char *format, ...) _printf_(3, 4);

/* The first field of that name, or NULL */
const RecordField *record_find(const Record *record, const char *name);
/* The next field of the same name after that one, or NULL */
const RecordField *record_find_next(const Record *record, const RecordField *field);
/* Its value as a string, or NULL if it is not there or has a NUL byte in it */
const char *record_get(const Record *record, const char *name);
