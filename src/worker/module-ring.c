/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-ring.h"

#include <errno.h>
#include <string.h>

/* Before each record, aligned: its size. SKIP: go on at the beginning of the ring. */
typedef uint64_t Head;
#define SKIP UINT64_MAX

static size_t record_room(size_t size) {
        return sizeof(Head) + (size + sizeof(Head) - 1) / sizeof(Head) * sizeof(Head);
}

int module_ring_write(ModuleRing *ring, const void *data, size_t size) {
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
        const uint64_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
        const size_t room = record_room(size);
        size_t at = written % MODULE_RING_SIZE;
        const size_t skipped = at + room > MODULE_RING_SIZE ? MODULE_RING_SIZE - at : 0;

        if (room > MODULE_RING_RECORD_MAX)
                return -EMSGSIZE;
        if (written - read + skipped + room > MODULE_RING_SIZE)
                return -EAGAIN;

        if (skipped > 0) {
                memcpy(ring->data + at, &(Head){ SKIP }, sizeof(Head));
                written += skipped;
                at = 0;
        }
        memcpy(ring->data + at, &(Head){ size }, sizeof(Head));
        memcpy(ring->data + at + sizeof(Head), data, size);
        atomic_store_explicit(&ring->written, written + room, memory_order_release);
        return 0;
}

int module_ring_read(ModuleRing *ring, void *buffer, size_t *ret_size) {
        const uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
        uint64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
        size_t at = read % MODULE_RING_SIZE;
        Head size;

        if (written == read)
                return 0;
        if (written - read > MODULE_RING_SIZE || at % sizeof(Head) != 0)
                return -EBADMSG;

        memcpy(&size, ring->data + at, sizeof(Head));
        if (size == SKIP) {
                read += MODULE_RING_SIZE - at;
                at = 0;
                memcpy(&size, ring->data, sizeof(Head));
        }
        if (size > MODULE_RING_RECORD_MAX || record_room(size) > written - read ||
            at + record_room(size) > MODULE_RING_SIZE)
                return -EBADMSG;

        memcpy(buffer, ring->data + at + sizeof(Head), size);
        atomic_store_explicit(&ring->read, read + record_room(size), memory_order_release);
        *ret_size = size;
        return 1;
}
