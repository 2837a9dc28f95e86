/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Exports: lines NAME=value that a set-up writes to the file that $PTEST_ENV names
 */

/*
 * *ret_problem: what is wrong with them, in words; NULL if nothing is. A file that is not there exports nothing; it is
 * removed. -ENOMEM
 */
int exports_read(const char *path, char ***ret, char **ret_problem);

/* Sets them in an environment. */
int exports_apply(char *const *exports, char ***environment);
