/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules that cannot be used; each is this file with one of these defined. */

#include <ptest/test.h>

PTEST(good) {
}

#ifdef BAD_DUPLICATE
PTEST_CONTEXT(context);
PTEST_IN(context, twice) {
}
static void run(const PtestCall *call) {
}
static PtestTest again = { .size = sizeof(PtestTest),
                           .name = "twice",
                           .file = __FILE__,
                           .line = 1,
                           .context = ptest_context(context),
                           .run = run };
PTEST_POPULATE {
        ptest_register_test(&again);
}
#endif

#ifdef BAD_CIRCLE
PTEST_CONTEXT_EXTERN(two)
PTEST_CONTEXT_IN(two, one);
PTEST_CONTEXT_IN(one, two);
#endif

#ifdef BAD_SHARED
PTEST_CONTEXT(split, .mode = PTEST_MODE_SPLIT);
PTEST_CONTEXT_IN(split, between);
PTEST_CONTEXT_IN(between, shared, .mode = PTEST_MODE_SHARED);
#endif

#ifdef BAD_ABI
__attribute__((constructor)) static void change(void) {
        ptest_module_v1.abi = 99;
}
#endif

#ifdef BAD_SYMBOL
void nobody_defines_this(void);
PTEST(calls) {
        nobody_defines_this();
}
#endif

#ifdef BAD_CONSTRUCTOR
__attribute__((constructor)) static void leave(void) {
        exit(0);
}
#endif

#ifdef BAD_WORKER
PTEST_WORKER_SET_UP {
        ptest_fail("no database");
}
#endif
