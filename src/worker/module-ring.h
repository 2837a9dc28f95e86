/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Ring: records from one process to another, through memory that both map
 *
 * One writer, one reader, no system call. A record is in one piece. What the writer finished stays readable after
 * its death. The reader trusts nothing: the writer may be a process whose memory a test has overwritten.
 */

#define MODULE_RING_SIZE (512U * 1024U) /* some thousand results of trivial tests; a power of two */

typedef struct ModuleRing {
        _Atomic uint64_t written, read; /* bytes since the beginning */
        char data[MODULE_RING_SIZE];
} ModuleRing;

/* The largest record: a quarter of the ring, so that one always fits when the reader has read all. */
#define MODULE_RING_RECORD_MAX (MODULE_RING_SIZE / 4)

/* The record becomes visible as a whole. -EAGAIN: no room until the reader has read; -EMSGSIZE */
int module_ring_write(ModuleRing *ring, const void *data, size_t size);
/* Copies the next record to buffer, of MODULE_RING_RECORD_MAX bytes. 1, or 0 if there is none; -EBADMSG: it is broken */
int module_ring_read(ModuleRing *ring, void *buffer, size_t *ret_size);

static inline bool module_ring_is_empty(const ModuleRing *ring) {
        return atomic_load_explicit(&ring->written, memory_order_acquire) ==
                        atomic_load_explicit(&ring->read, memory_order_acquire);
}

/* Takes back all that was written since the position was there. Only the writer, while the reader is held back. */
static inline void module_ring_rewind(ModuleRing *ring, uint64_t written) {
        atomic_store_explicit(&ring->written, written, memory_order_release);
}

/* Drops what is not read yet. Only while the writer writes nothing. */
static inline void module_ring_clear(ModuleRing *ring) {
        atomic_store(&ring->read, 0);
        atomic_store(&ring->written, 0);
}
