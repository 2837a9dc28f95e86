/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/style.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "basic/text.h"

static const char *const color_sequences[STYLE_COLOR_MAX] = {
        [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",      [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[1;31m", [STYLE_WARNING] = "\033[33m",
};

static bool environment_is_set(const char *name) {
        const char *value = getenv(name);

        return value && value[0];
}

static bool terminal_is_capable(void) {
        return environment_is_set("TERM") && strcmp(getenv("TERM"), "dumb") != 0;
}

/* What the user says of the terminal counts, not whether that locale is installed. */
static bool locale_is_utf8(void) {
        static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (environment_is_set(names[i])) {
                        const char *value = getenv(names[i]);

                        return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
                }
        return false;
}

static bool color_is_wanted(ColorMode color, bool tty) {
        if (color != COLOR_AUTO)
                return color == COLOR_ALWAYS;
        return tty && !environment_is_set("NO_COLOR");
}

void style_init(Style *style, int fd, ColorMode color) {
        bool tty = isatty(fd) && terminal_is_capable();

        *style = (Style){
                .tty = tty,
                .color = color_is_wanted(color, tty),
                .utf8 = locale_is_utf8(),
                .ctype = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0),
        };
        style->dot = style->utf8 ? " · " : " - ";
        style->ellipsis = style->utf8 ? "…" : "...";
        style->bar = style->utf8 ? "│" : "|";
        style->good = style->utf8 ? "✓" : "+";
        style->bad = style->utf8 ? "✗" : "x";
        style->neutral = style->utf8 ? "○" : "o";
}

void style_done(Style *style) {
        if (style->ctype != (locale_t)0)
                freelocale(style->ctype);
        *style = (Style){};
}

static struct winsize fd_get_size(int fd) {
        struct winsize size = {};

        if (ioctl(fd, TIOCGWINSZ, &size) < 0)
                return (struct winsize){};
        return size;
}

unsigned style_get_columns(int fd) {
        unsigned columns = fd_get_size(fd).ws_col;

        return columns > 0 ? columns : 80;
}

unsigned style_get_rows(int fd) {
        unsigned rows = fd_get_size(fd).ws_row;

        return rows > 0 ? rows : 24;
}

void style_add(const Style *style, Buffer *text, StyleColor color, const char *s) {
        bool colored = style->color && color_sequences[color];

        if (colored)
                buffer_add_string(text, color_sequences[color]);
        buffer_add_string(text, s);
        if (colored)
                buffer_add_string(text, "\033[0m");
}

void style_add_safe(const Style *style, Buffer *text, StyleColor color, const char *s) {
        _cleanup_free_ char *safe = text_escape(s, strlen(s));

        if (safe)
                style_add(style, text, color, safe);
        else
                text->error = -ENOMEM;
}

/* The code point of a valid UTF-8 character of n bytes. */
static wchar_t character_decode(const char *s, size_t n) {
        static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
        wchar_t c = (unsigned char)s[0] & masks[n <= 4 ? n : 0];

        for (size_t i = 1; i < n; i++)
                c = (c << 6) | ((unsigned char)s[i] & 0x3f);
        return c;
}

static size_t character_get_columns(const char *s, size_t n) {
        int columns;

        if (n == 1)
                return 1;
        columns = wcwidth(character_decode(s, n));
        /* Unknown to the C library: what most terminals do with it. */
        return columns >= 0 ? (size_t)columns : 1;
}

/* How many bytes of s take at most so many columns. */
static size_t text_fit(const Style *style, const char *s, size_t columns, size_t *ret_columns) {
        size_t size = strlen(s), i = 0, used = 0;
        locale_t before = (locale_t)0;

        if (style->ctype != (locale_t)0)
                before = uselocale(style->ctype);
        while (i < size) {
                bool printable;
                size_t n = text_measure_character(s + i, size - i, &printable);
                size_t w = character_get_columns(s + i, n);

                if (used + w > columns)
                        break;
                used += w;
                i += n;
        }
        if (style->ctype != (locale_t)0)
                uselocale(before);
        *ret_columns = used;
        return i;
}

size_t style_measure(const Style *style, const char *s) {
        size_t columns;

        text_fit(style, s, SIZE_MAX, &columns);
        return columns;
}

size_t style_add_cut(
                const Style *style, Buffer *text, StyleColor color, const char *s, size_t columns) {
        size_t used, ellipsis = style_measure(style, style->ellipsis), n;
        _cleanup_free_ char *part = NULL;

        n = text_fit(style, s, columns, &used);
        if (s[n] == '\0') {
                style_add(style, text, color, s);
                return used;
        }
        if (columns < ellipsis)
                return 0;
        n = text_fit(style, s, columns - ellipsis, &used);
        part = strndup(s, n);
        style_add(style, text, color, part ?: "");
        buffer_add_string(text, style->ellipsis);
        return used + ellipsis;
}

void style_add_age(Buffer *text, uint64_t usec) {
        uint64_t seconds = usec / USEC_PER_SEC;

        if (seconds < 60)
                buffer_addf(text, "%" PRIu64 "s", seconds);
        else if (seconds < 60 * 60)
                buffer_addf(text, "%" PRIu64 "min %02" PRIu64 "s", seconds / 60, seconds % 60);
        else
                buffer_addf(text,
                            "%" PRIu64 "h %02" PRIu64 "min",
                            seconds / 3600,
                            seconds / 60 % 60);
}

StyleColor style_get_outcome_color(Outcome outcome) {
        if (outcome_is_bad(outcome))
                return STYLE_BAD;
        return outcome == PTEST_OUTCOME_PASS ? STYLE_GOOD : STYLE_WARNING;
}

const char *style_get_outcome_symbol(const Style *style, Outcome outcome) {
        if (outcome_is_bad(outcome))
                return style->bad;
        return outcome == PTEST_OUTCOME_PASS ? style->good : style->neutral;
}
