/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-failure.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "basic/text.h"

/* Of a value in a reason, and of an expression: a line that is read at a glance. */
#define SHOWN_MAX  60U
/* Of a string in the details: what is before and after the first difference. */
#define BEFORE_MAX 40U
#define AFTER_MAX  80U
/* Bytes of memory shown on one line */
#define ROW        16U

typedef struct Text {
        char *data;
        size_t size, used;
} Text;

static void text_add(Text *text, const char *format, ...) _printf_(2, 3);

static void text_add(Text *text, const char *format, ...) {
        va_list ap;
        int n;

        if (text->used + 1 >= text->size)
                return;
        va_start(ap, format);
        n = vsnprintf(text->data + text->used, text->size - text->used, format, ap);
        va_end(ap);
        if (n > 0)
                text->used = MIN(text->used + (size_t)n, text->size - 1);
}

/* Escaped and in quotes, from a byte on, at most so many; what is left out is an ellipsis. */
static void text_add_string(Text *text, const char *s, size_t from, size_t max) {
        if (!s) {
                text_add(text, "NULL");
                return;
        }

        const size_t n = strnlen(s + from, max + 1);
        _cleanup_free_ char *escaped = text_escape(s + from, MIN(n, max));

        text_add(text, "%s\"%s\"%s", from > 0 ? "…" : "", escaped ?: "?", n > max ? "…" : "");
}

/* On one line whatever the user wrote into it, and not all of a long one. */
static void text_add_words(Text *text, const char *s, size_t max) {
        const size_t n = strlen(s);
        _cleanup_free_ char *escaped = text_escape(s, MIN(n, max));

        text_add(text, "%s%s", escaped ?: "?", n > max ? "…" : "");
}

static void text_add_errno(Text *text, int64_t value) {
        const int64_t number = value < 0 ? -value : value;
        const char *name = number > 0 && number < 4096 ? strerrorname_np((int)number) : NULL;

        text_add(text, "%" PRId64, value);
        if (name)
                text_add(text,
                         " (%s%s: %s)",
                         value < 0 ? "-" : "",
                         name,
                         strerrordesc_np((int)number));
}

static void text_add_value(Text *text, const PtestFailure *failure, const PtestValue *value) {
        switch (failure->kind) {
        case PTEST_VALUE_INT:
                text_add(text, "%" PRId64, value->i);
                break;
        case PTEST_VALUE_UINT:
                text_add(text, "%" PRIu64 " (0x%" PRIx64 ")", value->u, value->u);
                break;
        case PTEST_VALUE_FLOAT:
                text_add(text, "%.17g", value->d);
                break;
        case PTEST_VALUE_POINTER:
                if (value->p)
                        text_add(text, "%p", value->p);
                else
                        text_add(text, "NULL");
                break;
        case PTEST_VALUE_STRING:
                text_add_string(text, value->p, 0, SHOWN_MAX);
                break;
        case PTEST_VALUE_ERRNO:
                text_add_errno(text, value->i);
                break;
        default:
                break;
        }
}

static size_t difference_find(const char *a, const char *b) {
        size_t i = 0;

        while (a[i] && a[i] == b[i])
                i++;
        return i;
}

static size_t memory_difference_find(const unsigned char *a, const unsigned char *b, size_t size) {
        size_t i = 0;

        while (i < size && a[i] == b[i])
                i++;
        return i;
}

/* ---- The reason ---- */

static void reason_add_memory(Text *text, const PtestFailure *failure) {
        if (!failure->left.p || !failure->right.p)
                text_add(text, ": %s is NULL", failure->left.p ? "the right one" : "the left one");
        else if (strcmp(failure->operation, "==") == 0)
                text_add(text,
                         ": differs at byte %zu of %zu",
                         memory_difference_find(
                                         failure->left.p, failure->right.p, failure->memory_size),
                         failure->memory_size);
        else
                text_add(text, ": all %zu bytes are the same", failure->memory_size);
}

static void reason_add_values(Text *text, const PtestFailure *failure) {
        if (failure->kind == PTEST_VALUE_NONE || failure->kind == PTEST_VALUE_BOOL)
                return;
        if (failure->kind == PTEST_VALUE_MEMORY) {
                reason_add_memory(text, failure);
                return;
        }
        text_add(text, ": ");
        text_add_value(text, failure, &failure->left);
        if (failure->kind == PTEST_VALUE_ERRNO && failure->right.i == 0)
                return;
        text_add(text, ", ");
        text_add_value(text, failure, &failure->right);
        if (failure->operation && strcmp(failure->operation, "near") == 0)
                text_add(text,
                         ", off by %g, tolerance %g",
                         failure->left.d - failure->right.d,
                         failure->tolerance);
}

static void reason_write(Text *text, const PtestFailure *failure, const char *message) {
        if (failure->file)
                text_add(text, "%s:%u: ", failure->file, failure->line);
        if (failure->left_text) {
                text_add_words(text, failure->left_text, 2 * SHOWN_MAX);
                if (failure->kind == PTEST_VALUE_BOOL)
                        text_add(text, " is %s", failure->left.i ? "true" : "false");
                else if (failure->operation) {
                        text_add(text, " %s ", failure->operation);
                        text_add_words(text, failure->right_text ?: "", 2 * SHOWN_MAX);
                } else
                        text_add(text, " is false");
                reason_add_values(text, failure);
        }
        if (message[0] != '\0') {
                if (failure->left_text)
                        text_add(text, "; ");
                text_add_words(text, message, 1024);
        } else if (!failure->left_text)
                text_add(text, "failed");
}

/* ---- The details ---- */

static void details_add_strings(Text *text, const PtestFailure *failure) {
        const char *left = failure->left.p, *right = failure->right.p;
        size_t at = 0, from = 0;

        if (left && right && strcmp(failure->operation, "==") == 0) {
                at = difference_find(left, right);
                from = at > BEFORE_MAX ? at - BEFORE_MAX : 0;
                text_add(text,
                         "  strings of %zu and %zu bytes differ at byte %zu\n",
                         strlen(left),
                         strlen(right),
                         at);
        }
        text_add(text, "    left: ");
        text_add_string(text, left, from, from > 0 ? BEFORE_MAX + AFTER_MAX : AFTER_MAX);
        text_add(text, "\n   right: ");
        text_add_string(text, right, from, from > 0 ? BEFORE_MAX + AFTER_MAX : AFTER_MAX);
        text_add(text, "\n");

        if (!left || !right || strcmp(failure->operation, "==") != 0)
                return;

        /* The mark stands below the first character that differs: what is before it is the same in both. */
        _cleanup_free_ char *same = text_escape(left + from, at - from);
        size_t width = from > 0 ? 2 : 1;

        for (const char *c = same ?: ""; *c; c++)
                width += ((unsigned char)*c & 0xC0) != 0x80;
        text_add(text, "          %*s^\n", (int)width, "");
}

static void details_add_row(
                Text *text,
                const char *name,
                const unsigned char *data,
                size_t from,
                size_t end,
                size_t at) {
        text_add(text, "%8s: ", name);
        for (size_t i = from; i < end; i++)
                text_add(text, i == at ? "[%02x]" : " %02x ", data[i]);
        text_add(text, "\n");
}

static void details_add_memory(Text *text, const PtestFailure *failure) {
        const size_t size = failure->memory_size;
        size_t at, from;

        if (!failure->left.p || !failure->right.p || strcmp(failure->operation, "==") != 0)
                return;
        at = memory_difference_find(failure->left.p, failure->right.p, size);
        from = at > ROW / 2 ? at - ROW / 2 : 0;
        text_add(text, "  bytes %zu to %zu of %zu:\n", from, MIN(from + ROW, size) - 1, size);
        details_add_row(text, "left", failure->left.p, from, MIN(from + ROW, size), at);
        details_add_row(text, "right", failure->right.p, from, MIN(from + ROW, size), at);
}

void module_failure_describe(
                const PtestFailure *failure,
                const char *message,
                char *reason,
                size_t reason_size,
                char *details,
                size_t details_size) {
        Text text = { .data = reason, .size = reason_size };

        reason[0] = details[0] = '\0';
        reason_write(&text, failure, message);

        text = (Text){ .data = details, .size = details_size };
        text_add(&text, "%s\n", reason);
        if (failure->kind == PTEST_VALUE_STRING)
                details_add_strings(&text, failure);
        if (failure->kind == PTEST_VALUE_MEMORY)
                details_add_memory(&text, failure);
}
