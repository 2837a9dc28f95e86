/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"
#include "loader/loader.h"

/*
 * Collecting what is wrong, for a person
 *
 * problems_add() returns 0 or -ENOMEM, so that a reader can go on and report all problems of a file. A line
 * is escaped: what stands in a file cannot change a terminal.
 */

static inline void load_problems_donep(LoadProblems *problems) {
        load_problems_done(problems);
}

#define _cleanup_problems_ _cleanup_(load_problems_donep)

/* "path:line: text", "path: text" for line 0, "text" without a path */
int problems_add(LoadProblems *problems, const char *path, unsigned line, const char *format, ...)
                _printf_(4, 5);

size_t problems_count(const LoadProblems *problems);

/* The word of the list that was probably meant, or NULL if none is near. */
const char *problems_find_nearest(const char *word, const char *const *words, size_t n_words);
