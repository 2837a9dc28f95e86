/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * A hash that is the same on every machine and in every version: what is decided by it must not change
 *
 * FNV-1a of the bytes with their NUL, and at the end the finalizer of MurmurHash3, without which the last bytes hardly move
 * the upper bits.
 */

#define HASH_SEED UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t size) {
        const unsigned char *p = data;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static inline uint64_t hash_string(uint64_t hash, const char *s) {
        return hash_bytes(hash, s, strlen(s) + 1);
}

static inline uint64_t hash_finish(uint64_t hash) {
        hash ^= hash >> 33;
        hash *= UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 33;
        hash *= UINT64_C(0xc4ceb9fe1a85ec53);
        return hash ^ hash >> 33;
}
