/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/array.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/macros.h"

/* Most arrays stay below: they are allocated once. */
#define ITEMS_MIN         16U
/* Of those that keep no number: most have one item or two. */
#define FITTING_ITEMS_MIN 4U

static int array_resize(void **items, size_t n, size_t item_size) {
        size_t size;
        void *larger;

        if (__builtin_mul_overflow(n, item_size, &size))
                return -ENOMEM;
        larger = realloc(*items, size);
        if (!larger)
                return -ENOMEM;
        *items = larger;
        return 0;
}

int array_enlarge(void **items, size_t *n_allocated, size_t n, size_t item_size) {
        /* This does not overflow: no object is larger than half of the memory. */
        size_t larger = MAX(n, MAX(*n_allocated * 2, ITEMS_MIN));
        int r;

        r = array_resize(items, larger, item_size);
        if (r < 0)
                return r;
        *n_allocated = larger;
        return 0;
}

int array_enlarge_fitting(void **items, size_t n, size_t item_size) {
        size_t room = FITTING_ITEMS_MIN;

        while (room < n)
                if (__builtin_mul_overflow(room, (size_t)2, &room))
                        return -ENOMEM;
        return array_resize(items, room, item_size);
}
