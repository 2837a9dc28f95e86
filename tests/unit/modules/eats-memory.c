/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tests that take 200 MiB, in the host's process and in a child of their own; others around them
 */

#include "ptest/test.h"

static void eat(void) {
        const size_t size = (size_t)200 << 20;
        volatile char *memory = malloc(size);

        ptest_assert(memory != NULL);
        for (size_t i = 0; i < size; i += 4096)
                memory[i] = 1;
        free((void *)memory);
}

PTEST(before) {
}

PTEST(eats_in_the_host, .priority = -1) {
        eat();
}

PTEST(eats_in_a_child, .isolation = PTEST_ISOLATION_PROCESS, .priority = -2) {
        eat();
}

PTEST(after, .priority = -3) {
}
