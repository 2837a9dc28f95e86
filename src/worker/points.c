/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/points.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"

void points_init(Points *points, Result *result) {
        *points = (Points){ .result = result };
}

void points_done(Points *points) {
        for (size_t i = 0; i < ELEMENTSOF(points->named); i++)
                for (size_t j = 0; j < POINTS_NAMED_MAX; j++)
                        free(points->named[i][j]);
        free(points->first_skip_reason);
        *points = (Points){};
}

/* The longest beginning of text that is at most max bytes and does not cut a character. */
static size_t text_cut(const char *text, size_t max) {
        size_t length = strlen(text);

        if (length <= max)
                return length;
        length = max;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
                length--;
        return length;
}

/* Printable text of at most POINTS_NAME_MAX bytes, "…" where it was cut. */
static int points_make_text(const char *data, size_t size, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t length;

        text = text_escape(data, MIN(size, (size_t)POINTS_NAME_MAX));
        if (!text)
                return -ENOMEM;

        length = strlen(text);
        if (size > POINTS_NAME_MAX || length > POINTS_NAME_MAX) {
                const char *ellipsis = "…";
                char *cut = NULL;

                length = text_cut(text, POINTS_NAME_MAX - strlen(ellipsis));
                if (asprintf(&cut, "%.*s%s", (int)length, text, ellipsis) < 0)
                        return -ENOMEM;
                *ret = cut;
                return 0;
        }
        *ret = TAKE_PTR(text);
        return 0;
}

/* "3 - opens the file", "3", "opens the file" */
static int points_make_label(uint64_t number, const char *name, char **ret) {
        char *label = NULL;
        int r;

        if (number == 0)
                r = asprintf(&label, "%s", name[0] ? name : "(no name)");
        else if (name[0])
                r = asprintf(&label, "%" PRIu64 " - %s", number, name);
        else
                r = asprintf(&label, "%" PRIu64, number);
        if (r < 0)
                return -ENOMEM;
        *ret = label;
        return 0;
}

static int points_name(Points *points, Outcome outcome, uint64_t number, const char *name) {
        if (outcome == PTEST_OUTCOME_PASS)
                return 0;
        for (size_t i = 0; i < POINTS_NAMED_MAX; i++)
                if (!points->named[outcome][i])
                        return points_make_label(number, name, &points->named[outcome][i]);
        return 0;
}

int points_add(Points *points,
               Outcome outcome,
               uint64_t number,
               const char *name,
               size_t name_size,
               const char *reason,
               size_t reason_size) {
        _cleanup_free_ char *name_text = NULL, *reason_text = NULL;
        size_t text_size;
        int r;

        points->total++;
        points->count[outcome]++;
        points->last_kept = false;

        r = points_make_text(name, name_size, &name_text);
        if (r < 0)
                return r;
        if (reason_size > 0) {
                r = points_make_text(reason, reason_size, &reason_text);
                if (r < 0)
                        return r;
        }
        r = points_name(points, outcome, number, name_text);
        if (r < 0)
                return r;
        if (outcome == PTEST_OUTCOME_SKIP && reason_text && !points->first_skip_reason) {
                points->first_skip_reason = strdup(reason_text);
                if (!points->first_skip_reason)
                        return -ENOMEM;
        }

        text_size = strlen(name_text) + (reason_text ? strlen(reason_text) : 0);
        if (points->text_size + text_size > POINTS_TEXT_MAX)
                return 0;
        r = result_add_point(points->result, outcome, number, name_text, reason_text);
        if (r == -E2BIG)
                return 0;
        if (r < 0)
                return r;
        points->text_size += text_size;
        points->last_kept = true;
        return 0;
}

int points_explain_last(Points *points, const char *reason, size_t size) {
        ResultPoint *last = NULL;
        int r;

        if (!points->last_kept || size == 0)
                return 0;
        last = &points->result->points[points->result->n_points - 1];
        if (last->reason || points->text_size + POINTS_NAME_MAX > POINTS_TEXT_MAX)
                return 0;

        r = points_make_text(reason, size, &last->reason);
        if (r < 0)
                return r;
        points->text_size += strlen(last->reason);
        return 0;
}

int points_describe(
                const Points *points,
                Outcome outcome,
                const char *noun,
                const char *verb,
                char **ret) {
        _cleanup_strv_ char **labels = NULL;
        _cleanup_free_ char *list = NULL;
        uint64_t count = points->count[outcome], more;
        char *text = NULL;
        int r;

        for (size_t i = 0; i < POINTS_NAMED_MAX && points->named[outcome][i]; i++) {
                const char *name = points->named[outcome][i];

                r = strv_extendf(&labels, "%.*s", (int)text_cut(name, POINTS_LABEL_MAX), name);
                if (r < 0)
                        return r;
        }
        more = count - strv_length(labels);
        if (more > 0) {
                r = strv_extendf(&labels, "and %" PRIu64 " more", more);
                if (r < 0)
                        return r;
        }
        list = strv_join(labels, ", ");
        if (!list)
                return -ENOMEM;
        r = asprintf(&text,
                     "%" PRIu64 " of %" PRIu64 " %s %s%s%s",
                     count,
                     points->total,
                     noun,
                     verb,
                     list[0] ? ": " : "",
                     list);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
