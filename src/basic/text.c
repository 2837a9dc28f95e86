/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "basic/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The length of the character that data begins with, 0 if it is not valid UTF-8. */
static size_t utf8_decode(const unsigned char *data, size_t size, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t length;
        uint32_t c;

        if (data[0] < 0x80) {
                *ret = data[0];
                return 1;
        }
        if ((data[0] & 0xe0) == 0xc0) {
                length = 2;
                c = data[0] & 0x1f;
        } else if ((data[0] & 0xf0) == 0xe0) {
                length = 3;
                c = data[0] & 0x0f;
        } else if ((data[0] & 0xf8) == 0xf0) {
                length = 4;
                c = data[0] & 0x07;
        } else {
                return 0;
        }
        if (length > size)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (data[i] & 0x3f);
        }
        if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

/*
 * Not printable are the control characters of C0 and C1, and those that end a line or change the order of
 * what stands around them, with which text can look like something else than it is.
 */
static bool character_is_printable(uint32_t c) {
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
                return false;
        return c != 0x061c && c != 0x200b && c != 0x200e && c != 0x200f && c != 0xfeff &&
                        !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f) &&
                        !(c >= 0xfff9 && c <= 0xfffb);
}

size_t text_measure_character(const char *data, size_t size, bool *ret_printable) {
        uint32_t c = 0;
        size_t length = utf8_decode((const unsigned char *)data, size, &c);

        *ret_printable = length > 0 && character_is_printable(c);
        return MAX(length, (size_t)1);
}

bool text_is_utf8(const char *data, size_t size) {
        while (size > 0) {
                uint32_t c;
                size_t length = utf8_decode((const unsigned char *)data, size, &c);

                if (length == 0)
                        return false;
                data += length;
                size -= length;
        }
        return true;
}

static char *escape_byte(char *to, unsigned char c) {
        static const char digits[] = "0123456789abcdef", from[] = "\a\b\f\n\r\t\v",
                          name[] = "abfnrtv";
        const char *found = c == '\0' ? NULL : strchr(from, c);

        *to++ = '\\';
        if (found) {
                *to++ = name[found - from];
        } else {
                *to++ = 'x';
                *to++ = digits[c >> 4];
                *to++ = digits[c & 15];
        }
        return to;
}

static char *escape(const char *data, size_t size, bool lines) {
        /* A byte becomes at most four. */
        if (size > SIZE_MAX / 4 - 1)
                return NULL;

        _cleanup_free_ char *escaped = malloc(size * 4 + 1);
        char *to = escaped;

        if (!escaped)
                return NULL;

        for (size_t i = 0, length; i < size; i += length) {
                bool printable;

                length = text_measure_character(data + i, size - i, &printable);
                if (lines && data[i] == '\r' && i + 1 < size && data[i + 1] == '\n')
                        continue;
                if (printable || (lines && (data[i] == '\n' || data[i] == '\t'))) {
                        to = mempcpy(to, data + i, length);
                        continue;
                }
                for (size_t k = 0; k < length; k++)
                        to = escape_byte(to, (unsigned char)data[i + k]);
        }
        *to++ = '\0';

        char *fitting = realloc(escaped, (size_t)(to - escaped));

        if (fitting)
                (void)TAKE_PTR(escaped);
        return fitting;
}

char *text_escape(const char *data, size_t size) {
        return escape(data, size, false);
}

char *text_escape_lines(const char *data, size_t size) {
        return escape(data, size, true);
}

static bool shell_is_plain(const char *s) {
        static const char plain[] =
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,";
        size_t length = strspn(s, plain);

        /* A '=' makes an assignment of a first word, but never of an option. */
        while (s[0] == '-' && s[length] == '=')
                length += 1 + strspn(s + length + 1, plain);
        return length > 0 && s[length] == '\0';
}

char *text_quote_shell(const char *s) {
        if (shell_is_plain(s))
                return strdup(s);

        size_t length = strlen(s);

        /* Each ' becomes '\'' */
        if (length > SIZE_MAX / 4 - 3)
                return NULL;

        char *quoted = malloc(length * 4 + 3), *to = quoted;

        if (!quoted)
                return NULL;
        *to++ = '\'';
        for (; *s; s++) {
                if (*s == '\'')
                        to = stpcpy(to, "'\\''");
                else
                        *to++ = *s;
        }
        *to++ = '\'';
        *to = '\0';
        return quoted;
}

char *text_quote_words(char *const *words) {
        char *joined = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&joined, &size);

        if (!f)
                return NULL;

        bool complete = true;

        for (char *const *word = words; word && *word && complete; word++) {
                _cleanup_free_ char *quoted = text_quote_shell(*word);

                complete = quoted && fprintf(f, "%s%s", word == words ? "" : " ", quoted) >= 0;
        }
        if (fclose(f) != 0 || !complete) {
                free(joined);
                return NULL;
        }
        return joined;
}

bool text_starts_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *s, const char *suffix) {
        size_t length = strlen(s), suffix_length = strlen(suffix);

        return length >= suffix_length && strcmp(s + length - suffix_length, suffix) == 0;
}

static bool character_is_space(char c) {
        return c != '\0' && strchr(" \t\n\r\v\f", c);
}

char *text_strip(char *s) {
        while (character_is_space(*s))
                s++;

        size_t length = strlen(s);

        while (length > 0 && character_is_space(s[length - 1]))
                length--;
        s[length] = '\0';
        return s;
}

int text_setf(char **s, const char *format, ...) {
        char *formatted = NULL;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&formatted, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;

        /* Only now, as the old string may be one of the arguments. */
        free(*s);
        *s = formatted;
        return 0;
}
