/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * Handover: the file in which a program leaves something for its worker, which named it in the environment
 */

/*
 * Reads and removes it. what and most ("16 KiB") are words for *ret_problem, which says what is wrong. 1: there is one,
 * text without a NUL; 0: there is none, or a problem. -ENOMEM
 */
int handover_take(
                const char *path,
                size_t max,
                const char *what,
                const char *most,
                char **ret,
                char **ret_problem);
