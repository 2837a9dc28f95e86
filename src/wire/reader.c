/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading messages
 *
 * msgpack takes maps with duplicate keys, keys that are no strings, and strings that are no UTF-8: all that is
 * refused here. Lookups are linear: no map that is understood has more than two dozen keys.
 */

#include "wire/reader.h"

#include "basic/text.h"
#include "ptest/protocol.h"

#include <errno.h>
#include <string.h>

static const msgpack_object_map empty_map = {};

static bool key_equal(const msgpack_object *a, const msgpack_object *b) {
        return a->via.str.size == b->via.str.size &&
                        memcmp(a->via.str.ptr, b->via.str.ptr, a->via.str.size) == 0;
}

static bool map_is_sound(const msgpack_object_map *map) {
        if (map->size > PTEST_MESSAGE_KEYS_MAX)
                return false;

        for (uint32_t i = 0; i < map->size; i++) {
                if (map->ptr[i].key.type != MSGPACK_OBJECT_STR)
                        return false;
                for (uint32_t j = 0; j < i; j++)
                        if (key_equal(&map->ptr[i].key, &map->ptr[j].key))
                                return false;
        }
        return true;
}

Reader reader_new(const msgpack_object *value) {
        if (value->type != MSGPACK_OBJECT_MAP || !map_is_sound(&value->via.map))
                return (Reader){ .map = &empty_map, .error = -EBADMSG };

        return (Reader){ .map = &value->via.map };
}

void reader_fail(Reader *reader, int error) {
        if (reader->error == 0)
                reader->error = error;
}

static const msgpack_object *reader_find(const Reader *reader, const char *key) {
        size_t length = strlen(key);

        if (reader->error < 0)
                return NULL;

        for (uint32_t i = 0; i < reader->map->size; i++) {
                const msgpack_object_kv *kv = &reader->map->ptr[i];

                if (kv->key.via.str.size == length && memcmp(kv->key.via.str.ptr, key, length) == 0)
                        return &kv->val;
        }
        return NULL;
}

bool reader_has(const Reader *reader, const char *key) {
        return reader_find(reader, key);
}

void reader_require(Reader *reader, const char *key) {
        if (!reader_find(reader, key))
                reader_fail(reader, -EBADMSG);
}

uint64_t reader_uint_of(Reader *reader, const msgpack_object *value, uint64_t min, uint64_t max) {
        if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 < min ||
            value->via.u64 > max) {
                reader_fail(reader, -EBADMSG);
                return min;
        }
        return value->via.u64;
}

uint64_t reader_uint(
                Reader *reader, const char *key, uint64_t min, uint64_t max, uint64_t fallback) {
        const msgpack_object *value = reader_find(reader, key);

        return value ? reader_uint_of(reader, value, min, max) : fallback;
}

bool reader_bool(Reader *reader, const char *key) {
        const msgpack_object *value = reader_find(reader, key);

        if (!value)
                return false;
        if (value->type != MSGPACK_OBJECT_BOOLEAN) {
                reader_fail(reader, -EBADMSG);
                return false;
        }
        return value->via.boolean;
}

/* bin, or str: a worker written in a language without the difference sends either. Never NULL if good. */
static const char *bytes_of(Reader *reader, const msgpack_object *value, size_t *ret_size) {
        if (value->type == MSGPACK_OBJECT_BIN) {
                *ret_size = value->via.bin.size;
                return value->via.bin.ptr ?: "";
        }
        if (value->type == MSGPACK_OBJECT_STR) {
                *ret_size = value->via.str.size;
                return value->via.str.ptr ?: "";
        }
        reader_fail(reader, -EBADMSG);
        return NULL;
}

char *reader_chars_of(Reader *reader, const msgpack_object *value) {
        size_t size;
        const char *data = bytes_of(reader, value, &size);

        if (!data)
                return NULL;
        if (memchr(data, 0, size)) {
                reader_fail(reader, -EBADMSG);
                return NULL;
        }

        char *copy = strndup(data, size);
        if (!copy)
                reader_fail(reader, -ENOMEM);
        return copy;
}

char *reader_text_of(Reader *reader, const msgpack_object *value) {
        if (value->type != MSGPACK_OBJECT_STR ||
            !text_is_utf8(value->via.str.ptr ?: "", value->via.str.size)) {
                reader_fail(reader, -EBADMSG);
                return NULL;
        }
        return reader_chars_of(reader, value);
}

char *reader_text(Reader *reader, const char *key) {
        const msgpack_object *value = reader_find(reader, key);

        return value ? reader_text_of(reader, value) : NULL;
}

char *reader_chars(Reader *reader, const char *key) {
        const msgpack_object *value = reader_find(reader, key);

        return value ? reader_chars_of(reader, value) : NULL;
}

const void *reader_bytes(Reader *reader, const char *key, size_t *ret_size) {
        const msgpack_object *value = reader_find(reader, key);

        *ret_size = 0;
        return value ? bytes_of(reader, value, ret_size) : NULL;
}

msgpack_object_array reader_array_of(
                Reader *reader, const msgpack_object *value, size_t min, size_t max) {
        if (value->type != MSGPACK_OBJECT_ARRAY || value->via.array.size < min ||
            value->via.array.size > max) {
                reader_fail(reader, -EBADMSG);
                return (msgpack_object_array){};
        }
        return value->via.array;
}

msgpack_object_array reader_array(Reader *reader, const char *key, size_t max) {
        const msgpack_object *value = reader_find(reader, key);

        return value ? reader_array_of(reader, value, 0, max) : (msgpack_object_array){};
}
