/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* suite-ends.c as a module: its main() is called by another name, and its runner hands its suites over. */

#include <ptest/check.h>

static int suite_main(void);

#define main suite_main
#include "suite-ends.c"
#undef main

PTEST_CHECK_MAIN(suite_main())
