/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <msgpack.h>
#include <stdbool.h>

/*
 * Writing messages: the first error sticks and everything after it has no effect, so that only
 * packer_finish() need be checked
 *
 * Containers are opened with no count, which is filled in as they are closed: which fields there are is said
 * once, where they are written.
 */

typedef struct Packer {
        msgpack_sbuffer buffer;
        msgpack_packer packer;
        int error;
} Packer;

/* An open container. */
typedef struct PackerFrame {
        size_t offset; /* of its header */
        unsigned count;
} PackerFrame;

void packer_init(Packer *packer);
void packer_done(Packer *packer);

/* Hands the bytes out; the packer is then empty. */
int packer_finish(Packer *packer, void **ret_data, size_t *ret_size);

PackerFrame packer_open_map(Packer *packer);
PackerFrame packer_open_array(Packer *packer);
void packer_close(Packer *packer, const PackerFrame *frame);

/* Forgets what was written from size on: one element of frame. */
void packer_rewind(Packer *packer, PackerFrame *frame, size_t size);

/* One more element; it is written next. For a map: its key, and the value is written next. */
void packer_element(PackerFrame *array);
void packer_key(Packer *packer, PackerFrame *map, const char *key);

void packer_uint(Packer *packer, uint64_t value);
void packer_bool(Packer *packer, bool value);
/* Text; what is not valid UTF-8 is escaped. */
void packer_text(Packer *packer, const char *s);
/* Any bytes */
void packer_bytes(Packer *packer, const void *data, size_t size);

/* The same with a key, only if the value is not the default. */
void packer_uint_field(
                Packer *packer, PackerFrame *map, const char *key, uint64_t value, uint64_t unless);
void packer_flag_field(Packer *packer, PackerFrame *map, const char *key, bool value);
