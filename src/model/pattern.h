/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Selecting tests by patterns on their addresses
 *
 * A pattern is a glob (* matches '/' too, ? and [...] as in a shell); without any glob character it is a
 * part of the address that matches anywhere. A whole address matches itself, also one with "[arg]". One that begins with '!' excludes. An address is selected if
 * there is no including pattern or one of them matches, and no excluding one does.
 */

/* Not empty, and of characters that an address can have. */
bool pattern_is_valid(const char *pattern);
bool pattern_selects(char *const *patterns, const char *address);
/* "-k gio -k '!slow'", as one would write it in a shell; the caller frees it. NULL: there was no memory */
char *patterns_describe(char *const *patterns);
