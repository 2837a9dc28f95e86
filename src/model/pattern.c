/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/pattern.h"

#include <fnmatch.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"

static const char *pattern_body(const char *pattern) {
        return pattern[0] == '!' ? pattern + 1 : pattern;
}

bool pattern_is_valid(const char *pattern) {
        const char *body = pattern_body(pattern);
        size_t length = strlen(body);

        for (size_t i = 0; i < length;) {
                bool printable;

                /* No address has such a character. */
                i += text_measure_character(body + i, length - i, &printable);
                if (!printable)
                        return false;
        }
        return length > 0;
}

static bool pattern_matches(const char *body, const char *address) {
        if (!body[strcspn(body, "*?[")])
                return strstr(address, body);

        /* An address itself may look like a glob, "case[arg]", and selects itself when it is copied. */
        return strcmp(body, address) == 0 || fnmatch(body, address, 0) == 0;
}

bool pattern_selects(char *const *patterns, const char *address) {
        bool including = false, included = false;

        strv_for_each(pattern, patterns) {
                const bool exclude = (*pattern)[0] == '!';

                if (exclude) {
                        if (pattern_matches(pattern_body(*pattern), address))
                                return false;
                } else {
                        including = true;
                        included = included || pattern_matches(*pattern, address);
                }
        }
        return included || !including;
}

char *patterns_describe(char *const *patterns) {
        _cleanup_strv_ char **words = NULL;

        strv_for_each(pattern, patterns)
                if (strv_extend(&words, "-k") < 0 || strv_extend(&words, *pattern) < 0)
                        return NULL;
        return text_quote_words(words);
}
