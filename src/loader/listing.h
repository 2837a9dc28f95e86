/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "loader/problems.h"

/*
 * Finding files below a directory
 */

/* Whether a directory is entered, or a file is found; mode is that of what a link leads to, S_IFLNK for one to nowhere. */
typedef bool (*ListingAccept)(const char *name, mode_t mode);

/*
 * The accepted files below root, relative to it, sorted by path (bytes, the same in every locale). Links to directories are
 * followed, but not into one of the directories above. A directory below root that cannot be read is
 * among them: a gap must not be silent. Negative: root cannot be read, or there are more than max; a problem says so.
 */
int listing_find(
                const char *root,
                ListingAccept accept,
                size_t max,
                char ***ret,
                LoadProblems *problems);
