/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/found.h"

#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "ptest/protocol.h"
#include "worker/handover.h"

/* Of what a message may have for one test, some is for its lengths. */
#define WORD_OVERHEAD 5U

void found_done(Found *found) {
        for (size_t i = 0; i < found->n_items; i++)
                strv_free(found->items[i]);
        free(found->items);
        *found = (Found){};
}

int found_consume(Found *found, char **words) {
        if (array_reserve(found->items, found->n_allocated, found->n_items + 1) < 0) {
                strv_free(words);
                return -ENOMEM;
        }
        found->items[found->n_items++] = words;
        return 0;
}

int found_add(Found *found, const char *word) {
        _cleanup_strv_ char **words = NULL;
        int r;

        r = strv_extend(&words, word);
        return r < 0 ? r : found_consume(found, TAKE_PTR(words));
}

static const char *words_find_problem(char *const *words) {
        size_t size = WORD_OVERHEAD;

        if (!words[0][0])
                return "its first word is empty";
        strv_for_each(word, words) {
                size += strlen(*word) + WORD_OVERHEAD;
                if (!text_is_utf8(*word, strlen(*word)))
                        return "it is not UTF-8";
        }
        return size > PTEST_FOUND_SIZE_MAX ? "it is longer than 4 KiB" : NULL;
}

static int line_take(Found *found, const char *line, unsigned number, char **ret_problem) {
        _cleanup_strv_ char **words = NULL;
        const char *problem = NULL;
        int r;

        r = strv_split_words(line, &words);
        if (r == -EINVAL)
                problem = "a quote or an escape";
        else if (r < 0)
                return r;
        else if (strv_length(words) == 0)
                return 0;
        else
                problem = words_find_problem(words);
        if (problem)
                return text_setf(
                                ret_problem,
                                "line %u of what it found cannot be understood (%s): %.100s",
                                number,
                                problem,
                                line);
        return found_consume(found, TAKE_PTR(words));
}

int found_read(Found *found, const char *path, char **ret_problem) {
        _cleanup_free_ char *data = NULL;
        unsigned number = 0;
        char *rest, *line;
        int r;

        r = handover_take(path, FOUND_FILE_MAX, "what it found", "16 MiB", &data, ret_problem);
        if (r <= 0)
                return r;
        rest = data;
        while ((line = strsep(&rest, "\n"))) {
                r = line_take(found, line, ++number, ret_problem);
                if (r < 0 || *ret_problem)
                        return r;
        }
        return 0;
}
