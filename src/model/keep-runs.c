/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/keep-runs.h"

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/strv.h"

void keep_runs_init(KeepRuns *keep) {
        *keep = (KeepRuns){ .count = KEEP_RUNS_COUNT_DEFAULT, .size = KEEP_RUNS_SIZE_DEFAULT };
}

/* A plain number is a number of runs: nobody counts bytes that way. */
static int keep_runs_add_word(
                KeepRuns *keep, const char *word, bool *count_given, bool *size_given) {
        uint64_t value;
        int r;

        if (parse_uint64(word, &value) >= 0) {
                if (*count_given)
                        return -EINVAL;
                keep->count = value;
                *count_given = true;
        } else {
                r = strcmp(word, "infinity") == 0 ? -EINVAL : parse_size(word, &value);
                if (r < 0)
                        return r;
                if (*size_given)
                        return -EINVAL;
                keep->size = value;
                *size_given = true;
        }
        return value == 0 ? -ERANGE : 0;
}

int keep_runs_parse(const char *words, KeepRuns *ret) {
        _cleanup_strv_ char **list = NULL;
        bool count_given = false, size_given = false;
        KeepRuns keep;
        int r;

        r = strv_split(words, " \t,", &list);
        if (r < 0)
                return r;
        keep_runs_init(&keep);
        if (strv_length(list) == 1 && strcmp(list[0], "infinity") == 0)
                keep = (KeepRuns){ .count = UINT64_MAX, .size = SIZE_INFINITY };
        else
                strv_for_each(word, list) {
                        r = keep_runs_add_word(&keep, *word, &count_given, &size_given);
                        if (r < 0)
                                return r;
                }
        *ret = keep;
        return 0;
}

bool keep_runs_hold(const KeepRuns *keep, size_t i, uint64_t size) {
        return i == 0 || (i < keep->count && size <= keep->size);
}
