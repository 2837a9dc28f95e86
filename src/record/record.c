/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/record.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"

/* A pass with all its fields fits into one of these. */
#define RECORD_CHUNK_SIZE 4096U
#define RECORD_NAME_MAX   64U

typedef struct RecordChunk {
        struct RecordChunk *next;
        size_t size, used;
        char data[];
} RecordChunk;

static RecordChunk *chunk_free_all(RecordChunk *chunk) {
        while (chunk) {
                RecordChunk *next = chunk->next;

                free(chunk);
                chunk = next;
        }
        return NULL;
}

int record_new(Record **ret) {
        Record *record;

        assert(ret);

        record = calloc(1, sizeof(Record));
        if (!record)
                return -ENOMEM;
        *ret = record;
        return 0;
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        chunk_free_all(record->chunks);
        free(record->fields);
        free(record);
        return NULL;
}

void record_reset(Record *record) {
        RecordChunk *kept = NULL;

        record->n_fields = 0;
        while (record->chunks) {
                RecordChunk *chunk = record->chunks;

                record->chunks = chunk->next;
                if (kept || chunk->size > RECORD_CHUNK_SIZE) {
                        free(chunk);
                        continue;
                }
                chunk->next = NULL;
                chunk->used = 0;
                kept = chunk;
        }
        record->chunks = kept;
}

/* Room for n bytes that stays where it is until the next reset. */
static char *record_allocate(Record *record, size_t n) {
        RecordChunk *chunk = record->chunks;
        size_t size;

        if (!chunk || chunk->size - chunk->used < n) {
                size = MAX(n, RECORD_CHUNK_SIZE);
                chunk = malloc(sizeof(RecordChunk) + size);
                if (!chunk)
                        return NULL;
                *chunk = (RecordChunk){ .size = size };
                if (record->chunks && size > RECORD_CHUNK_SIZE) {
                        /* A large value is alone in its chunk; the one in use stays in front. */
                        chunk->next = record->chunks->next;
                        record->chunks->next = chunk;
                } else {
                        chunk->next = record->chunks;
                        record->chunks = chunk;
                }
        }
        chunk->used += n;
        return chunk->data + chunk->used - n;
}

bool record_name_is_valid(const char *name, size_t size) {
        if (size == 0 || size > RECORD_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
                return false;
        for (size_t i = 0; i < size; i++)
                if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= '0' && name[i] <= '9') ||
                      name[i] == '_'))
                        return false;
        return true;
}

/*
 * Names that differ mostly have other keys: they begin alike, and differ in length and in their last letters. Fields
 * are looked up some forty times a record, which took half of the time of reading a run.
 */
static uint64_t name_get_key(const char *name, size_t size) {
        size_t n = MIN(size, sizeof(uint64_t));
        uint64_t key = 0;

        memcpy(&key, name + size - n, n);
        return key ^ ((uint64_t)size << 57);
}

static int record_grow(Record *record) {
        if (record->n_fields >= RECORD_FIELDS_MAX)
                return -E2BIG;
        return array_reserve(record->fields, record->n_allocated, record->n_fields + 1);
}

int record_add_field(
                Record *record, const char *name, size_t name_size, const void *data, size_t size) {
        char *p;
        int r;

        if (!record_name_is_valid(name, name_size))
                return -EINVAL;
        if (size > SIZE_MAX / 4)
                return -E2BIG;
        r = record_grow(record);
        if (r < 0)
                return r;
        p = record_allocate(record, name_size + 1 + size + 1);
        if (!p)
                return -ENOMEM;

        memcpy(p, name, name_size);
        p[name_size] = '\0';
        if (size > 0)
                memcpy(p + name_size + 1, data, size);
        p[name_size + 1 + size] = '\0';
        record->fields[record->n_fields++] = (RecordField){
                .name = p,
                .key = name_get_key(name, name_size),
                .data = p + name_size + 1,
                .size = size,
        };
        return 0;
}

int record_add(Record *record, const char *name, const void *data, size_t size) {
        return record_add_field(record, name, strlen(name), data, size);
}

int record_add_string(Record *record, const char *name, const char *value) {
        return record_add(record, name, value, strlen(value));
}

int record_addf(Record *record, const char *name, const char *format, ...) {
        _cleanup_free_ char *heap = NULL;
        char stack[256];
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(stack, sizeof(stack), format, ap);
        va_end(ap);
        if (n < 0)
                return -EINVAL;
        if ((size_t)n < sizeof(stack))
                return record_add(record, name, stack, (size_t)n);

        va_start(ap, format);
        n = vasprintf(&heap, format, ap);
        va_end(ap);
        if (n < 0) {
                heap = NULL;
                return -ENOMEM;
        }
        return record_add(record, name, heap, (size_t)n);
}

static const RecordField *record_find_from(const Record *record, size_t i, const char *name) {
        uint64_t key = name_get_key(name, strlen(name));

        for (; i < record->n_fields; i++)
                if (record->fields[i].key == key && strcmp(record->fields[i].name, name) == 0)
                        return record->fields + i;
        return NULL;
}

const RecordField *record_find(const Record *record, const char *name) {
        return record_find_from(record, 0, name);
}

const RecordField *record_find_next(const Record *record, const RecordField *field) {
        return record_find_from(record, (size_t)(field - record->fields) + 1, field->name);
}

const char *record_get(const Record *record, const char *name) {
        const RecordField *field = record_find(record, name);

        return field && !memchr(field->data, '\0', field->size) ? field->data : NULL;
}
