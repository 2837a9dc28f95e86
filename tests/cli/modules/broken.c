/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules that cannot be loaded; each is this file with one of these defined. */

#include <unistd.h>

#include <ptest/test.h>

PTEST(good) {
}

#ifdef BROKEN_SYMBOL
void nobody_defines_this(void);

PTEST(calls) {
        nobody_defines_this();
}
#endif

#ifdef BROKEN_EXIT
__attribute__((constructor)) static void leave(void) {
        _exit(0);
}
#endif

#ifdef BROKEN_ABORT
__attribute__((constructor)) static void leave(void) {
        fprintf(stderr, "the licence has expired\n");
        abort();
}
#endif

#ifdef BROKEN_ASSERTION
__attribute__((constructor)) static void leave(void) {
        ptest_assert_int_eq(1, 2);
}
#endif

#ifdef BROKEN_SKIP
PTEST_POPULATE {
        ptest_skip("no licence");
}
#endif

#ifdef BROKEN_SHARED
PTEST_CONTEXT(many, .mode = PTEST_MODE_SPLIT)
PTEST_CONTEXT_IN(many, once, .mode = PTEST_MODE_SHARED)
PTEST_IN(once, inner) {
}
#endif
