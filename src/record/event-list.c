/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Items are C strings of any bytes. A line can be split unambiguously because newlines, backslashes and, in
 * a point's name, '#' are escaped: the first bare '#' begins the reason.
 */

#include "record/event-list.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/strv.h"

static void list_add_escaped(Buffer *list, const char *s, const char *special) {
        for (;;) {
                size_t n = strcspn(s, special);

                buffer_add(list, s, n);
                if (s[n] == '\0')
                        return;
                if (s[n] == '\n')
                        buffer_add_string(list, "\\n");
                else
                        buffer_add(list, (const char[]){ '\\', s[n] }, 2);
                s += n + 1;
        }
}

/* The original of size bytes at data, which end before a newline. NULL on ENOMEM */
static char *list_unescape(const char *data, size_t size) {
        char *s, *p;

        s = p = malloc(size + 1);
        if (!s)
                return NULL;
        for (size_t i = 0; i < size; i++) {
                if (data[i] == '\\' && i + 1 < size) {
                        i++;
                        *p++ = data[i] == 'n' ? '\n' : data[i];
                } else
                        *p++ = data[i];
        }
        *p = '\0';
        return s;
}

static void list_begin_item(Buffer *list) {
        if (list->size > 0)
                buffer_add(list, "\n", 1);
}

void event_list_add_point(Buffer *list, const ResultPoint *point) {
        list_begin_item(list);
        buffer_addf(list, "%s %" PRIu64 " ", outcome_to_string(point->outcome), point->number);
        list_add_escaped(list, point->name, "\n\\#");
        if (point->reason) {
                buffer_add_string(list, " # ");
                list_add_escaped(list, point->reason, "\n\\");
        }
}

void event_list_add_texts(Buffer *list, char *const *texts) {
        strv_for_each(text, texts) {
                if (!(*text)[0])
                        continue;
                list_begin_item(list);
                list_add_escaped(list, *text, "\n\\");
        }
}

/* "outcome number " at the begin of a line; *ret_rest is what follows. */
static int point_parse_head(
                const char *line,
                size_t size,
                Outcome *ret_outcome,
                uint64_t *ret_number,
                size_t *ret_rest) {
        const char *number, *rest;
        char word[32], digits[32];

        number = memchr(line, ' ', size);
        if (!number || (size_t)(number - line) >= sizeof(word))
                return -EBADMSG;
        number++;
        rest = memchr(number, ' ', size - (size_t)(number - line));
        if (!rest || (size_t)(rest - number) >= sizeof(digits))
                return -EBADMSG;

        *(char *)mempcpy(word, line, (size_t)(number - 1 - line)) = '\0';
        *(char *)mempcpy(digits, number, (size_t)(rest - number)) = '\0';
        *ret_outcome = outcome_from_string(word);
        if (*ret_outcome < 0 || parse_uint64(digits, ret_number) < 0)
                return -EBADMSG;
        *ret_rest = (size_t)(rest + 1 - line);
        return 0;
}

/* Where the name ends and the reason begins; both are size if there is no reason. */
static void point_find_reason(
                const char *s, size_t size, size_t *ret_name_end, size_t *ret_reason) {
        for (size_t i = 0; i < size; i++) {
                if (s[i] == '\\')
                        i++;
                else if (s[i] == '#' && i > 0 && i + 1 < size) {
                        *ret_name_end = i - 1;
                        *ret_reason = i + 2;
                        return;
                }
        }
        *ret_name_end = *ret_reason = size;
}

static int point_parse(const char *line, size_t size, void *userdata) {
        Result *result = userdata;
        _cleanup_free_ char *name = NULL, *reason = NULL;
        size_t rest, name_end, reason_begin;
        uint64_t number;
        Outcome outcome;
        int r;

        r = point_parse_head(line, size, &outcome, &number, &rest);
        if (r < 0)
                return r;
        line += rest;
        size -= rest;

        point_find_reason(line, size, &name_end, &reason_begin);
        name = list_unescape(line, name_end);
        if (!name)
                return -ENOMEM;
        if (name_end < size) {
                reason = list_unescape(line + reason_begin, size - reason_begin);
                if (!reason)
                        return -ENOMEM;
        }
        return result_add_point(result, outcome, number, name, reason);
}

static int text_parse(const char *line, size_t size, void *userdata) {
        char ***texts = userdata;
        char *text = list_unescape(line, size);

        return text ? strv_consume(texts, text) : -ENOMEM;
}

static int list_parse(
                const char *data,
                size_t size,
                int (*parse)(const char *line, size_t size, void *userdata),
                void *userdata) {
        while (size > 0) {
                const char *end = memchr(data, '\n', size);
                size_t n = end ? (size_t)(end - data) : size;
                int r;

                if (memchr(data, '\0', n))
                        return -EBADMSG;
                r = parse(data, n, userdata);
                if (r < 0)
                        return r;
                if (!end)
                        return 0;
                data += n + 1;
                size -= n + 1;
        }
        return 0;
}

int event_list_parse_points(const char *data, size_t size, Result *result) {
        return list_parse(data, size, point_parse, result);
}

int event_list_parse_texts(const char *data, size_t size, char ***texts) {
        return list_parse(data, size, text_parse, texts);
}
