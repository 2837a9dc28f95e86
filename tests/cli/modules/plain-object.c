/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A shared object that is no test module. */

int plain_object_value(void);

__attribute__((visibility("default"))) int plain_object_value(void) {
        return 1;
}
