/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/rust.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/lines.h"
#include "worker/points.h"

struct Rust {
        Lines lines;
        Points points;
        bool passed; /* some test, by the last line: with --quiet no other one has its name */
};

int rust_new(Result *result, Rust **ret) {
        _cleanup_(rust_freep) Rust *rust = NULL;

        rust = calloc(1, sizeof(*rust));
        if (!rust)
                return -ENOMEM;
        points_init(&rust->points, result);
        *ret = TAKE_PTR(rust);
        return 0;
}

Rust *rust_free(Rust *rust) {
        if (!rust)
                return NULL;
        lines_done(&rust->lines);
        points_done(&rust->points);
        free(rust);
        return NULL;
}

/* "ok", "FAILED", "ignored", "ignored, why", each perhaps with " <0.123s>" behind it */
static Outcome status_read(
                const char *status, size_t size, const char **ret_reason, size_t *ret_reason_size) {
        static const struct {
                const char *word;
                Outcome outcome;
        } words[] = {
                {"ok",       PTEST_OUTCOME_PASS},
                { "FAILED",  PTEST_OUTCOME_FAIL},
                { "ignored", PTEST_OUTCOME_SKIP},
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                size_t n = strlen(words[i].word);

                if (size < n || memcmp(status, words[i].word, n) != 0)
                        continue;
                if (size > n && status[n] != ' ' && status[n] != ',')
                        continue;
                if (size > n + 2 && status[n] == ',') {
                        *ret_reason = status + n + 2;
                        *ret_reason_size = size - n - 2;
                }
                return words[i].outcome;
        }
        return PTEST_OUTCOME_INVALID;
}

/* "test result: ok. 3 passed; 0 failed; …" */
static bool line_is_passes(const char *line, size_t size) {
        static const char prefix[] = "test result: ok. ";
        const size_t n = strlen(prefix);

        return size > n && memcmp(line, prefix, n) == 0 && line[n] >= '1' && line[n] <= '9';
}

/* With --color=always words are painted: "\x1b[32mok\x1b(B\x1b[m". The length of such a sequence; 0: there is none here. */
static size_t paint_measure(const char *data, size_t size) {
        size_t n = 2;

        if (size < 3 || data[0] != '\x1b')
                return 0;
        if (data[1] == '(')
                return 3;
        if (data[1] != '[')
                return 0;
        while (n < size && (data[n] == ';' || (data[n] >= '0' && data[n] <= '9')))
                n++;
        return n < size && data[n] == 'm' ? n + 1 : 0;
}

static int rust_read_line(Rust *rust, const char *line, size_t size) {
        static const char prefix[] = "test ", separator[] = " ... ";
        const char *end = line + size, *name, *dots = NULL, *reason = NULL;
        size_t reason_size = 0;
        Outcome outcome;

        if (size < strlen(prefix) || memcmp(line, prefix, strlen(prefix)) != 0)
                return 0;
        name = line + strlen(prefix);
        rust->passed |= line_is_passes(line, size);

        /* The last one: a doc test's name may have dots of its own. */
        for (const char *p = name; (p = memmem(p, (size_t)(end - p), separator, strlen(separator)));
             p++)
                dots = p;
        if (!dots)
                return 0;

        outcome = status_read(
                        dots + strlen(separator),
                        (size_t)(end - dots) - strlen(separator),
                        &reason,
                        &reason_size);
        if (outcome < 0)
                return 0;
        return points_add(
                        &rust->points,
                        outcome,
                        0, /* libtest numbers nothing */
                        name,
                        (size_t)(dots - name),
                        reason,
                        reason_size);
}

static int rust_on_line(const char *line, size_t size, void *userdata) {
        _cleanup_free_ char *plain = NULL;
        size_t n = 0;

        if (!memchr(line, '\x1b', size))
                return rust_read_line(userdata, line, size);

        plain = malloc(size);
        if (!plain)
                return -ENOMEM;
        for (size_t i = 0; i < size;) {
                size_t skip = paint_measure(line + i, size - i);

                if (skip == 0)
                        plain[n++] = line[i++];
                i += skip;
        }
        return rust_read_line(userdata, plain, n);
}

int rust_feed(Rust *rust, const char *data, size_t size) {
        return lines_feed(&rust->lines, data, size, rust_on_line, rust);
}

int rust_finish(Rust *rust, Report *ret) {
        const Points *points = &rust->points;
        _cleanup_free_ char *reason = NULL;
        Outcome outcome = PTEST_OUTCOME_PASS;
        int r;

        r = lines_finish(&rust->lines, rust_on_line, rust);
        if (r < 0)
                return r;

        if (points->count[PTEST_OUTCOME_FAIL] > 0) {
                outcome = PTEST_OUTCOME_FAIL;
                r = points_describe(points, outcome, "tests", "failed", &reason);
                if (r < 0)
                        return r;
        } else if (!rust->passed && points->count[PTEST_OUTCOME_SKIP] == points->total) {
                outcome = PTEST_OUTCOME_SKIP;
                r = points->total == 0 ?
                                asprintf(&reason, "it ran no test") :
                                points->total == 1 ?
                                asprintf(&reason, "its only test is ignored") :
                                asprintf(&reason, "all %" PRIu64 " tests ignored", points->total);
                if (r < 0)
                        return -ENOMEM;
        }
        *ret = (Report){
                .outcome = outcome,
                .reason = TAKE_PTR(reason),
                .n_points = points->total,
                .n_failed = points->count[PTEST_OUTCOME_FAIL],
        };
        return 0;
}
