/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Text that came from outside, made safe to show
 */

bool text_is_utf8(const char *data, size_t size);

/*
 * The length in bytes of the first character of data (size > 0), and whether it can be shown as it is:
 * valid UTF-8, no control character, nothing that ends a line or changes the direction of writing. A byte
 * that is not valid UTF-8 is a character of its own that cannot be shown.
 */
size_t text_measure_character(const char *data, size_t size, bool *ret_printable);

/*
 * Printable UTF-8 on one line: control characters, invalid bytes and escapes become \n, \t, \x1b, …; NULL on ENOMEM.
 * A backslash stays one: the text is made safe, not reversible, and escaping it again changes nothing.
 */
char *text_escape(const char *data, size_t size);

/* The same for many lines: \n and \t stay as they are, "\r\n" becomes "\n". */
char *text_escape_lines(const char *data, size_t size);

/* Quoted for a POSIX shell where that is needed. */
char *text_quote_shell(const char *s);
/* The words quoted and joined with spaces. */
char *text_quote_words(char *const *words);

bool text_starts_with(const char *s, const char *prefix);
bool text_ends_with(const char *s, const char *suffix);

/* Without the white space at both ends; cuts s in place. */
char *text_strip(char *s);

/* Replaces *s with a formatted string (frees the old one). */
int text_setf(char **s, const char *format, ...) _printf_(2, 3);
