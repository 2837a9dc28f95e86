/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <msgpack.h>
#include <stdbool.h>

/*
 * Reading messages: values of a map by their keys, nothing believed; the first error sticks, and what is
 * read after it is a harmless default, so that only the error need be checked at the end
 *
 * A reader borrows the map. The only errors are -EBADMSG and -ENOMEM.
 */

typedef struct Reader {
        const msgpack_object_map *map;
        int error;
} Reader;

/* The value must be a map of at most PTEST_MESSAGE_KEYS_MAX keys, each a string and there once. */
Reader reader_new(const msgpack_object *value);

/* The first error sticks; 0 is none. */
void reader_fail(Reader *reader, int error);

bool reader_has(const Reader *reader, const char *key);
/* Makes a missing key an error. */
void reader_require(Reader *reader, const char *key);

/* The fallback if there is no such key. min and max hold for what is there. */
uint64_t reader_uint(
                Reader *reader, const char *key, uint64_t min, uint64_t max, uint64_t fallback);
bool reader_bool(Reader *reader, const char *key);
/* Owned by the caller; NULL if there is no such key. */
char *reader_text(Reader *reader, const char *key);
char *reader_chars(Reader *reader, const char *key);
/* Borrowed from the message; NULL if there is no such key. */
const void *reader_bytes(Reader *reader, const char *key, size_t *ret_size);
/* An empty array if there is no such key; -EBADMSG for more than max elements */
msgpack_object_array reader_array(Reader *reader, const char *key, size_t max);

/* The same for a value that is not in a map: an element of an array. */
uint64_t reader_uint_of(Reader *reader, const msgpack_object *value, uint64_t min, uint64_t max);
/* UTF-8 without NUL */
char *reader_text_of(Reader *reader, const msgpack_object *value);
/* Any bytes but NUL */
char *reader_chars_of(Reader *reader, const msgpack_object *value);
/* -EBADMSG unless it has min to max elements */
msgpack_object_array reader_array_of(
                Reader *reader, const msgpack_object *value, size_t min, size_t max);
