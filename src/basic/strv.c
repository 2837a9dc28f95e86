/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"

#define WHITESPACE " \t\n\r"

char **strv_free(char **v) {
        strv_for_each(s, v)
                free(*s);
        free(v);
        return NULL;
}

size_t strv_length(char *const *v) {
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

bool strv_contains(char *const *v, const char *s) {
        strv_for_each(i, v)
                if (strcmp(*i, s) == 0)
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b) {
        size_t n = strv_length(a);

        if (strv_length(b) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (strcmp(a[i], b[i]) != 0)
                        return false;
        return true;
}

char **strv_copy(char *const *v) {
        _cleanup_strv_ char **copy = calloc(strv_length(v) + 1, sizeof(char *));
        size_t n = 0;

        if (!copy)
                return NULL;
        strv_for_each(s, v) {
                copy[n] = strdup(*s);
                if (!copy[n++])
                        return NULL;
        }
        return TAKE_PTR(copy);
}

int strv_consume(char ***v, char *s) {
        _cleanup_free_ char *owned = s;

        if (!s)
                return -ENOMEM;

        size_t n = strv_length(*v);
        int r = array_fit(*v, n + 2);

        if (r < 0)
                return r;
        (*v)[n] = TAKE_PTR(owned);
        (*v)[n + 1] = NULL;
        return 0;
}

int strv_extend(char ***v, const char *s) {
        return strv_consume(v, strdup(s));
}

int strv_extendf(char ***v, const char *format, ...) {
        char *s = NULL;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&s, format, ap);
        va_end(ap);
        return n < 0 ? -ENOMEM : strv_consume(v, s);
}

int strv_extend_strv(char ***v, char *const *other) {
        size_t n = strv_length(*v), n_other = strv_length(other);

        if (n_other == 0)
                return 0;

        _cleanup_strv_ char **copy = strv_copy(other);

        if (!copy)
                return -ENOMEM;

        int r = array_fit(*v, n + n_other + 1);

        if (r < 0)
                return r;

        /* The strings change hands, with the NULL; the copy remains as an empty vector. */
        memcpy(*v + n, copy, (n_other + 1) * sizeof(char *));
        copy[0] = NULL;
        return 0;
}

char *strv_join(char *const *v, const char *separator) {
        size_t separator_length = strlen(separator), size = 1;

        strv_for_each(s, v)
                size += strlen(*s) + separator_length;

        char *joined = malloc(size), *p = joined;

        if (!joined)
                return NULL;
        strv_for_each(s, v) {
                if (s != v)
                        p = stpcpy(p, separator);
                p = stpcpy(p, *s);
        }
        *p = '\0';
        return joined;
}

int strv_split(const char *s, const char *separators, char ***ret) {
        _cleanup_strv_ char **v = NULL;

        for (;;) {
                s += strspn(s, separators);
                if (*s == '\0')
                        break;

                size_t length = strcspn(s, separators);
                int r = strv_consume(&v, strndup(s, length));

                if (r < 0)
                        return r;
                s += length;
        }
        *ret = TAKE_PTR(v);
        return 0;
}

/* Reads up to n_max digits of a base; at least n_min of them. */
static int unescape_number(
                const char **s, unsigned base, unsigned n_min, unsigned n_max, uint32_t *ret) {
        uint32_t value = 0;
        unsigned n = 0;

        for (; n < n_max; n++) {
                static const char digits[] = "0123456789abcdef";
                char c = (*s)[n];
                const char *digit = c == '\0' ?
                                NULL :
                                strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

                if (!digit || (unsigned)(digit - digits) >= base)
                        break;
                value = value * base + (uint32_t)(digit - digits);
        }
        if (n < n_min)
                return -EINVAL;
        *s += n;
        *ret = value;
        return 0;
}

/* Writes one code point as UTF-8; returns what follows it. */
static char *utf8_encode(char *to, uint32_t c) {
        if (c < 0x80) {
                *to++ = (char)c;
        } else if (c < 0x800) {
                *to++ = (char)(0xc0 | c >> 6);
                *to++ = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                *to++ = (char)(0xe0 | c >> 12);
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        } else {
                *to++ = (char)(0xf0 | c >> 18);
                *to++ = (char)(0x80 | (c >> 12 & 0x3f));
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        }
        return to;
}

/* \u and \U: a code point. */
static int unescape_unicode(const char **s, unsigned n_digits, char **to) {
        uint32_t c = 0;
        int r = unescape_number(s, 16, n_digits, n_digits, &c);

        if (r < 0)
                return r;
        if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return -EINVAL;
        *to = utf8_encode(*to, c);
        return 0;
}

/* \x and \NNN: a byte. */
static int unescape_byte(const char **s, unsigned base, unsigned n_digits, char **to) {
        uint32_t c = 0;
        int r = unescape_number(s, base, n_digits, n_digits, &c);

        if (r < 0)
                return r;
        if (c == 0 || c > 0xff)
                return -EINVAL;
        *(*to)++ = (char)c;
        return 0;
}

/* *s is behind the backslash. What is written is never longer than the escape. */
static int unescape(const char **s, char **to) {
        /* A backslash before a space is systemd's \s as people who know the shell write it. */
        static const char from[] = "abfnrtv\\\"'s ", is[] = "\a\b\f\n\r\t\v\\\"'  ";
        char c = **s;
        const char *found = c == '\0' ? NULL : strchr(from, c);

        if (found) {
                *(*to)++ = is[found - from];
                (*s)++;
                return 0;
        }
        if (c >= '0' && c <= '7')
                return unescape_byte(s, 8, 3, to);
        if (c == '\0')
                return -EINVAL;

        (*s)++;
        switch (c) {
        case 'x':
                return unescape_byte(s, 16, 2, to);
        case 'u':
                return unescape_unicode(s, 4, to);
        case 'U':
                return unescape_unicode(s, 8, to);
        default:
                return -EINVAL;
        }
}

/* Reads one word at *s, which is not white space, into to; leaves *s behind it. */
static int split_word(const char **s, char *to) {
        char quote = '\0';

        for (;;) {
                char c = **s;

                if (c == '\0' || (quote == '\0' && strchr(WHITESPACE, c)))
                        break;

                (*s)++;
                if (c == '\\') {
                        int r = unescape(s, &to);

                        if (r < 0)
                                return r;
                } else if (quote != '\0' && c == quote) {
                        quote = '\0';
                } else if (quote == '\0' && (c == '\'' || c == '"')) {
                        quote = c;
                } else {
                        *to++ = c;
                }
        }
        if (quote != '\0')
                return -EINVAL;
        *to = '\0';
        return 0;
}

int strv_split_words(const char *s, char ***ret) {
        _cleanup_strv_ char **v = NULL;
        /* No word is longer than what it is written as. */
        _cleanup_free_ char *word = malloc(strlen(s) + 1);

        if (!word)
                return -ENOMEM;

        for (;;) {
                s += strspn(s, WHITESPACE);
                if (*s == '\0')
                        break;

                int r = split_word(&s, word);

                if (r < 0)
                        return r;
                r = strv_extend(&v, word);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(v);
        return 0;
}
