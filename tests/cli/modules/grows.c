/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each of these tests leaves 4 MiB behind. */

#include <ptest/test.h>

PTEST_RANGE(leaks, 0, 12) {
        static void *volatile kept;
        const size_t size = 4U << 20;

        kept = malloc(size);
        ptest_assert_not_null(kept);
        memset(kept, 1, size);
}
