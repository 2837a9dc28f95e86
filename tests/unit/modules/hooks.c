/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A module for its worker's set-up alone: what else is in it is not looked at. */

#include <ptest/test.h>

#include <unistd.h>

PTEST_WORKER_SET_UP {
        printf("hooked ");
        setenv("PTEST_HOOKED", getenv("PTEST_HOOKED") ? "twice" : "once", 1);
#ifdef HOOK_CRASHES
        abort();
#endif
}

PTEST_POPULATE {
        setenv("PTEST_POPULATED", "yes", 1);
}

PTEST(is_hooked) {
        ptest_assert_str_eq(getenv("PTEST_HOOKED"), "once");
}
