/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * NULL-terminated vectors of strings
 *
 * A vector owns itself and its strings. NULL is an empty vector.
 */

char **strv_free(char **v);

static inline void strv_freep(char ***v) {
        strv_free(*v);
}

#define _cleanup_strv_ _cleanup_(strv_freep)

size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);
/* The same strings in the same order */
bool strv_equal(char *const *a, char *const *b);
char **strv_copy(char *const *v);

/* Appends a copy of s. */
int strv_extend(char ***v, const char *s);
/* Appends s itself and owns it, also on failure. NULL is -ENOMEM, for strv_consume(&v, strdup(…)). */
int strv_consume(char ***v, char *s);
int strv_extendf(char ***v, const char *format, ...) _printf_(2, 3);
int strv_extend_strv(char ***v, char *const *other);

/* NULL on ENOMEM; "" for an empty vector. */
char *strv_join(char *const *v, const char *separator);

/* Splits at any of the separators; empty parts are dropped. */
int strv_split(const char *s, const char *separators, char ***ret);

/*
 * Splits words as systemd's Exec= does: white space, '…', "…", and in all three the escapes \a \b \f \n \r \t
 * \v \\ \" \' \s (or a space), \xHH, \NNN (octal), \uHHHH, \UHHHHHHHH. -EINVAL: open quote, unknown escape, an
 * escape that makes a NUL
 */
int strv_split_words(const char *s, char ***ret);

#define strv_for_each(s, v) for (char *const *s = (v); s && *s; s++)
