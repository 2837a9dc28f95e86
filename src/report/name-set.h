/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

/*
 * Names that a report has used
 *
 * Addresses are unique, but fixtures can fail in several workers, and a format may not be able to tell two addresses
 * apart. Tools take the second of two equal names for the first one, or drop it.
 */

typedef struct NameSet {
        struct NameSetItem *items;
} NameSet;

void name_set_done(NameSet *set);

/* The name, or if it was used before, with "SEPARATOR2" at its end, or the next number that is free. The caller frees it. */
int name_set_add(NameSet *set, const char *name, const char *separator, char **ret);
