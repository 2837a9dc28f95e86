/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The look at a message before any memory is spent on it
 *
 * msgpack_unpack() allocates for what a container declares before it has seen an element: five bytes make it
 * take 400 MB. So every declared count is compared with the bytes that remain (an element has at least one).
 * There is no recursion: a stack of as many counters as a message may be deep is all the memory needed.
 */

#include "wire/bounds.h"

#include "ptest/protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* The values that start with one byte: so many bytes of length follow, then so many of content, per unit. */
typedef struct Header {
        unsigned length_size; /* big-endian length or count after the first byte */
        uint64_t fixed;       /* bytes of content beside it */
        uint64_t count;       /* where length_size is 0 */
        unsigned per_count;   /* values in one unit of count: 1 array, 2 map, 0: count is bytes */
} Header;

static Header header_of_extended(uint8_t byte) {
        switch (byte) {
        case 0xc4 ... 0xc6: /* bin */
                return (Header){ .length_size = 1U << (byte - 0xc4) };
        case 0xc7 ... 0xc9: /* ext, with its type */
                return (Header){ .length_size = 1U << (byte - 0xc7), .fixed = 1 };
        case 0xca: /* float */
                return (Header){ .fixed = 4 };
        case 0xcb: /* double */
                return (Header){ .fixed = 8 };
        case 0xcc ... 0xcf: /* unsigned */
                return (Header){ .fixed = 1U << (byte - 0xcc) };
        case 0xd0 ... 0xd3: /* signed */
                return (Header){ .fixed = 1U << (byte - 0xd0) };
        case 0xd4 ... 0xd8: /* fixext, with its type */
                return (Header){ .fixed = (1U << (byte - 0xd4)) + 1 };
        case 0xd9 ... 0xdb: /* str */
                return (Header){ .length_size = 1U << (byte - 0xd9) };
        case 0xdc ... 0xdd: /* array */
                return (Header){ .length_size = 2U << (byte - 0xdc), .per_count = 1 };
        case 0xde ... 0xdf: /* map */
                return (Header){ .length_size = 2U << (byte - 0xde), .per_count = 2 };
        default: /* nil, false, true */
                return (Header){};
        }
}

static Header header_of(uint8_t byte) {
        switch (byte) {
        case 0x80 ... 0x8f:
                return (Header){ .count = byte & 0x0f, .per_count = 2 };
        case 0x90 ... 0x9f:
                return (Header){ .count = byte & 0x0f, .per_count = 1 };
        case 0xa0 ... 0xbf:
                return (Header){ .fixed = byte & 0x1f };
        case 0xc0 ... 0xdf:
                return header_of_extended(byte);
        default: /* small integers */
                return (Header){};
        }
}

/* Steps over one value's own bytes; *ret_children is the number of values that belong into it. */
static int bounds_step(
                const uint8_t *data,
                size_t size,
                size_t *offset,
                bool *ret_container,
                uint64_t *ret_children) {
        if (*offset >= size || data[*offset] == 0xc1) /* 0xc1 is never used */
                return -EBADMSG;

        Header header = header_of(data[*offset]);
        size_t remaining = size - *offset - 1;
        if (remaining < header.length_size)
                return -EBADMSG;

        uint64_t count = header.count;
        for (unsigned i = 0; i < header.length_size; i++)
                count = count << 8 | data[*offset + 1 + i];
        remaining -= header.length_size;

        /* count is below 2^32, so that nothing here can overflow */
        uint64_t content = header.fixed + (header.per_count == 0 ? count : 0);
        uint64_t children = count * header.per_count;
        if (content > remaining || children > remaining)
                return -EBADMSG;

        *offset = size - remaining + (size_t)content;
        *ret_container = header.per_count > 0;
        *ret_children = children;
        return 0;
}

int bounds_measure(const void *data, size_t size, size_t *ret_used) {
        uint64_t missing[PTEST_MESSAGE_DEPTH_MAX + 1] = { 1 }; /* values still to come, by depth */
        unsigned depth = 0;
        size_t offset = 0;

        for (size_t n_values = 0;; n_values++) {
                while (missing[depth] == 0) {
                        if (depth == 0) {
                                *ret_used = offset;
                                return 0;
                        }
                        depth--;
                }
                if (n_values == PTEST_MESSAGE_VALUES_MAX)
                        return -EBADMSG;
                missing[depth]--;

                bool container;
                uint64_t children;
                int r = bounds_step(data, size, &offset, &container, &children);
                if (r < 0)
                        return r;
                if (!container)
                        continue;
                if (depth == PTEST_MESSAGE_DEPTH_MAX)
                        return -EBADMSG;
                missing[++depth] = children;
        }
}

int bounds_check(const void *data, size_t size) {
        size_t used;
        int r;

        r = bounds_measure(data, size, &used);
        if (r < 0)
                return r;
        return used == size ? 0 : -EBADMSG;
}
