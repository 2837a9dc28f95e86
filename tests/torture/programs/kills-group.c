/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills its whole process group, itself included. */

#include "torture.h"

int main(void) {
        torture_begin();
        kill(0, SIGKILL);
        torture_wait_forever();
}
