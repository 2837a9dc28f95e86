/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stops itself, and is never continued. */

#include "torture.h"

int main(void) {
        torture_begin();
        raise(SIGSTOP);
        torture_wait_forever();
}
