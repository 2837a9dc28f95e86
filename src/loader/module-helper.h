/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * What is in a test module, which only the dynamic loader can tell
 *
 * Loading a module runs code of its own, which may do anything: crash, hang, end the process, start others. So this
 * asks "ptest-worker --list-module" in a child, with limits, and ends all that it leaves behind.
 */

typedef struct ModuleHelper {
        const char *worker; /* path of ptest-worker */
        const char *path;   /* of the module; absolute */
        const char *user; /* root only: who is to load it; NULL: the owner of the file, if that is not root */
        char *const *environment;
        const char *workdir; /* NULL: this one */
        uint64_t timeout_usec;
} ModuleHelper;

/*
 * A fd with the lines of worker/module-list.h, from their start, which need not be whole. *ret_why: how the child ended if it
 * did not end well, and what it said last. Blocks. -ELIBBAD: there is nothing to be read, and *ret_why says why
 */
int module_helper_run(const ModuleHelper *helper, int *ret_fd, char **ret_why);
