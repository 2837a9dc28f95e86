/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader/problems.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"

/* A file that is not a suite file at all must not scroll a terminal away. */
#define PROBLEMS_MAX 200U

/* Longer words are no typos of a key. */
#define WORD_MAX 40U

void load_problems_done(LoadProblems *problems) {
        problems->lines = strv_free(problems->lines);
}

size_t problems_count(const LoadProblems *problems) {
        return strv_length(problems->lines);
}

int problems_add(LoadProblems *problems, const char *path, unsigned line, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *full = NULL;
        size_t count = problems_count(problems);
        va_list ap;
        int r;

        if (count > PROBLEMS_MAX)
                return 0;
        if (count == PROBLEMS_MAX)
                return strv_extend(&problems->lines, "… and more problems of this kind");

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0) {
                text = NULL;
                return -ENOMEM;
        }

        if (path && line > 0)
                r = asprintf(&full, "%s:%u: %s", path, line, text);
        else if (path)
                r = asprintf(&full, "%s: %s", path, text);
        else
                r = asprintf(&full, "%s", text);
        if (r < 0) {
                full = NULL;
                return -ENOMEM;
        }

        char *escaped = text_escape(full, strlen(full));
        if (!escaped)
                return -ENOMEM;
        return strv_consume(&problems->lines, escaped);
}

/*
 * How many letters must be changed, added, dropped or swapped with their neighbour, without regard to case;
 * both words are at most WORD_MAX long. Three rows of the usual table are enough.
 */
static size_t word_distance(const char *a, const char *b) {
        size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);

        for (size_t j = 0; j <= m; j++)
                rows[0][j] = j;

        for (size_t i = 1; i <= n; i++) {
                size_t *row = rows[i % 3];
                const size_t *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        bool same = tolower((unsigned char)a[i - 1]) ==
                                        tolower((unsigned char)b[j - 1]);

                        row[j] = MIN(above[j], row[j - 1]) + 1;
                        row[j] = MIN(row[j], above[j - 1] + !same);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = MIN(row[j], above2[j - 2] + 1);
                }
        }
        return rows[n % 3][m];
}

const char *problems_find_nearest(const char *word, const char *const *words, size_t n_words) {
        const char *nearest = NULL;
        size_t length = strlen(word), best;

        if (length > WORD_MAX)
                return NULL;

        /* A third of the word may be wrong: more is another word. */
        best = MAX(length / 3, 1U) + 1;
        for (size_t i = 0; i < n_words; i++) {
                size_t distance = word_distance(word, words[i]);

                if (distance < best) {
                        best = distance;
                        nearest = words[i];
                }
        }
        return nearest;
}
