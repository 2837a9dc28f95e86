/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdlib.h>

/* How often something random is tried: a twentieth where each step costs twenty (see tests/run, valgrind). */
static inline unsigned rounds(unsigned n) {
        return getenv("PTEST_TESTS_FEW_ROUNDS") ? n / 20 : n;
}
