/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many short tests, of which one in each hundred does not pass. */

#include <ptest/test.h>

PTEST_RANGE(warm, 0, 100) {
        ptest_assert_int_ne(i, 40);
}

PTEST_RANGE(forked, 0, 100, .isolation = PTEST_ISOLATION_PROCESS) {
        ptest_assert_int_ne(i, 40);
}
