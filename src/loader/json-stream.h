/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "basic/macros.h"

/*
 * The objects of a JSON array, or of JSON lines, one at a time
 *
 * A build with 100,000 tests lists them in tens of megabytes, of which only one object is needed at once.
 */

typedef struct JsonStream {
        FILE *file;
        size_t count; /* objects read */
        bool array;   /* within brackets */
        bool ended;
} JsonStream;

/* Takes the fd, also on failure. -EBADMSG: neither an array nor an object is there */
int json_stream_init(JsonStream *stream, int fd);
void json_stream_done(JsonStream *stream);

/* 0, 1 at the end, -EBADMSG with the parser's words in error. */
int json_stream_next(JsonStream *stream, json_t **ret, json_error_t *error);

static inline void json_unrefp(json_t **value) {
        json_decref(*value);
}

#define _cleanup_json_ _cleanup_(json_unrefp)
