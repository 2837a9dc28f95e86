/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ptest/test.h>

#include <stdlib.h>
#include <string.h>

#define SIZE ((size_t)300 << 20)

static void memory_take(void) {
        char *memory = malloc(SIZE);

        ptest_assert_not_null(memory, "Cannot allocate memory");
        memset(memory, 1, SIZE);
        free(memory);
}

PTEST(hog) {
        memory_take();
}

PTEST(other) {
        memory_take();
}

PTEST(unlimited) {
        memory_take();
}
