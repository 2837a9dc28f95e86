/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stddef.h>

/*
 * Found: the tests that a test has brought forth, each a vector of words
 */

typedef struct Found {
        char ***items; /* owned, with all in it */
        size_t n_items, n_allocated;
} Found;

/* What a program may write to the file that $PTEST_FOUND names. */
#define FOUND_FILE_MAX (16U * 1024U * 1024U)

void found_done(Found *found);

/* Takes the words, also on failure. */
int found_consume(Found *found, char **words);
/* Of one word. */
int found_add(Found *found, const char *word);

/*
 * Reads and removes the file that a program has written: one test a line, words as in Exec=. *ret_problem: what cannot
 * be understood, in words; NULL if nothing. A file that is not there has nothing. -ENOMEM
 */
int found_read(Found *found, const char *path, char **ret_problem);
