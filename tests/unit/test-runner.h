/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdlib.h>

#include <check.h>

/* Before a TCase is made. Check's own 4 s for a test are not enough on a slow machine, or under valgrind. */
__attribute__((constructor)) static void suite_set_patience(void) {
        (void)setenv("CK_DEFAULT_TIMEOUT", "500", 0);
}

/* What a test program ends with: runs the suite, as CK_VERBOSITY and the like say. The value is main()'s. */
static inline int suite_run(Suite *suite) {
        SRunner *runner = srunner_create(suite);
        int failed;

        srunner_run_all(runner, CK_ENV);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
