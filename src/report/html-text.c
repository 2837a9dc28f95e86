/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/html-text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/parse.h"
#include "basic/text.h"

static const char *character_to_entity(char c) {
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '"':
                return "&quot;";
        case '\'':
                return "&#39;";
        default:
                return NULL;
        }
}

static const char *character_to_json(char c) {
        switch (c) {
        case '&':
                return "\\u0026";
        case '<':
                return "\\u003c";
        case '>':
                return "\\u003e";
        case '"':
                return "\\\"";
        case '\\':
                return "\\\\";
        default:
                return NULL;
        }
}

/* Text that is printable, with some of its characters replaced; parsers of HTML complain of two that are no characters. */
static void add_replaced(Buffer *buffer, char *text, const char *(*replace)(char)) {
        const char *begin = text;

        if (!text) {
                buffer->error = -ENOMEM;
                return;
        }
        for (char *p = text; (p = strstr(p, "\xef\xbf")); p += 3)
                if (p[2] == '\xbe' || p[2] == '\xbf')
                        p[2] = '\xbd';
        for (const char *p = text; *p; p++) {
                const char *replacement = replace(*p);

                if (!replacement)
                        continue;
                buffer_add(buffer, begin, (size_t)(p - begin));
                buffer_add_string(buffer, replacement);
                begin = p + 1;
        }
        buffer_add_string(buffer, begin);
}

void html_add_text(Buffer *html, const char *data, size_t size) {
        if (size == 0)
                return;

        _cleanup_free_ char *safe = text_escape_lines(data, size);

        add_replaced(html, safe, character_to_entity);
}

void html_add_string(Buffer *html, const char *s) {
        _cleanup_free_ char *line = text_escape(s ?: "", s ? strlen(s) : 0);

        if (line)
                html_add_text(html, line, strlen(line));
        else
                html->error = -ENOMEM;
}

void html_add_json(Buffer *json, const char *s) {
        _cleanup_free_ char *line = text_escape(s ?: "", s ? strlen(s) : 0);

        buffer_add_string(json, "\"");
        add_replaced(json, line, character_to_json);
        buffer_add_string(json, "\"");
}

void html_add_count(Buffer *html, uint64_t n) {
        if (n >= 1000) {
                html_add_count(html, n / 1000);
                buffer_addf(html, ",%03u", (unsigned)(n % 1000));
        } else {
                buffer_addf(html, "%u", (unsigned)n);
        }
}

void html_add_duration(Buffer *html, uint64_t usec) {
        char text[FORMAT_MAX];

        buffer_add_string(html, format_time(text, usec));
}

void html_add_size(Buffer *html, uint64_t bytes) {
        char text[FORMAT_MAX];

        buffer_add_string(html, bytes == SIZE_UNKNOWN ? "–" : format_size(text, bytes));
}

void html_add_date(Buffer *html, uint64_t usec) {
        time_t seconds = (time_t)(usec / USEC_PER_SEC);
        char machine[64], people[64];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900) {
                buffer_add_string(html, "an unknown time");
                return;
        }
        strftime(machine, sizeof(machine), "%Y-%m-%dT%H:%M:%SZ", &tm);
        strftime(people, sizeof(people), "%Y-%m-%d %H:%M:%S UTC", &tm);
        buffer_addf(html, "<time datetime=\"%s\">%s</time>", machine, people);
}
