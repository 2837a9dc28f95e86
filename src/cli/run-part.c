/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/run-part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/again-options.h"
#include "cli/run-again.h"
#include "cli/run-rerun.h"
#include "model/pattern.h"
#include "model/shard.h"

/* A rerun of a rerun of a rerun, each of which died. */
#define PART_DEPTH_MAX 20U

/* The last word of the command that begins so: options can be shortened. NULL: none does */
static const char *command_find_option(char *const *words, const char *begin) {
        const char *found = NULL;

        strv_for_each(word, words) {
                if (strcmp(*word, "--") == 0)
                        break;
                if (text_starts_with(*word, begin))
                        found = *word;
        }
        return found;
}

/* By hash. Parts by duration hang on a run that is not recorded. */
static void past_mark_shard(
                const Past *past, char *const *words, const Suite *suite, bool *inside) {
        AgainOptions options = {};

        if (!past->shard || command_find_option(words, "--shard-") ||
            again_options_parse_shard(&options, past->shard) < 0)
                return;
        for (size_t i = 0; i < suite->n_tests; i++)
                inside[i] = inside[i] && suite_shard_has(suite, i, options.shard, options.n_shards);
}

static int mark_part(
                const Past *past,
                const char *state_dir,
                const Suite *suite,
                unsigned depth,
                bool *inside);

static int past_mark_rerun(
                const Past *past,
                char *const *words,
                const char *state_dir,
                const Suite *suite,
                unsigned depth,
                bool *inside) {
        _cleanup_(past_done) Past before = {};
        _cleanup_free_ char *problem = NULL;
        _cleanup_free_ bool *wanted = calloc(MAX(suite->n_tests, 1U), sizeof(bool));
        const char *option = command_find_option(words, "--rer"), *value;
        char id[SD_ID128_STRING_MAX];
        AgainOptions options = {};
        int r;

        if (!wanted)
                return -ENOMEM;
        if (sd_id128_is_null(past->rerun_of) || !option || depth >= PART_DEPTH_MAX)
                return 0;
        value = strchr(option, '=');
        if (again_options_parse_rerun(&options, value ? value + 1 : NULL) < 0)
                return 0;
        r = past_read(state_dir, NULL, sd_id128_to_string(past->rerun_of, id), &before, &problem);
        if (r < 0) /* it was removed, say */
                return r == -ENOMEM ? r : 0;
        memset(wanted, true, suite->n_tests);
        r = mark_part(&before, state_dir, suite, depth + 1, wanted);
        for (size_t i = 0; i < suite->n_tests && r >= 0; i++)
                inside[i] = inside[i] &&
                                run_rerun_wants(&before,
                                                options.rerun,
                                                suite,
                                                suite->tests[i],
                                                wanted[i]);
        return r;
}

static int mark_part(
                const Past *past,
                const char *state_dir,
                const Suite *suite,
                unsigned depth,
                bool *inside) {
        _cleanup_strv_ char **words = NULL;
        int r;

        r = past->command ? run_again_split_command(past->command, &words) : 0;
        if (r < 0)
                return r;
        for (size_t i = 0; i < suite->n_tests && past->patterns; i++)
                inside[i] = inside[i] && pattern_selects(past->patterns, suite->tests[i]->address);
        past_mark_shard(past, words, suite, inside);
        return past_mark_rerun(past, words, state_dir, suite, depth, inside);
}

int past_mark_part(const Past *past, const char *state_dir, const Suite *suite, bool *inside) {
        int r;

        /* Nobody asks about tests of which it has told all. */
        if (past_tells_all(past) && !past->contexts)
                return 0;
        r = mark_part(past, state_dir, suite, 0, inside);
        return r < 0 ? log_error_errno(r, "Failed to find out what a run was to run: %m") : 0;
}
