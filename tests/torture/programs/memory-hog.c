/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes all the memory that it can get. */

#include "torture.h"

int main(void) {
        torture_begin();
        return torture_take_memory();
}
