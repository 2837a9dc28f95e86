/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where the program ptest-worker is
 */

/* $PTEST_WORKER, the one of the same build tree, or the one that is installed. */
int worker_path_find(char **ret);
