/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/run-again.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "cli/run-rerun.h"
#include "cli/run-resume.h"
#include "model/shard.h"
#include "model/shuffle.h"

void run_again_done(RunAgain *again) {
        past_done(&again->resumed);
        free(again->seed);
        free(again->shard);
        free(again->rerun_run);
        free(again->working_directory);
        *again = (RunAgain){};
}

bool run_again_is_resuming(const RunAgain *again) {
        return again->resumed.n_runs > 0;
}

size_t run_again_count_found(const RunAgain *again) {
        return again->resumed.found_known ? past_count_found(&again->resumed) : 0;
}

int run_again_next_carried(RunAgain *again, Event **ret) {
        return past_next(&again->resumed, again->state_dir, again->without_attempts, ret);
}

void run_again_get_origin(const RunAgain *again, CoordinatorOrigin *ret) {
        *ret = (CoordinatorOrigin){
                .working_directory = again->working_directory,
                .rerun_of = again->rerun_of,
                .seed = again->seed,
                .shard = again->shard,
                .patterns = again->patterns,
        };
        if (run_again_is_resuming(again))
                ret->resumes = again->resumed.runs[0].id;
}

/* ---- Shards and order ---- */

/* How long each test took in a run of the whole suite. 0: there is no such run */
static int find_durations(const RunOptions *options, const Suite *suite, uint64_t **ret) {
        _cleanup_(past_done) Past past = {};
        _cleanup_free_ uint64_t *durations = calloc(MAX(suite->n_tests, 1U), sizeof(uint64_t));
        char id[PAST_ID_SIZE];
        int r;

        if (!durations)
                return -ENOMEM;
        r = past_read_whole(options->state_dir, suite->name, options->again.shard_run, &past);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < suite->n_tests; i++) {
                const PastTest *test = past_find(&past, suite->tests[i]->address);

                durations[i] = test ? test->duration_usec : USEC_INFINITY;
        }
        log_info("Parts by the durations of run %s", past_get_id(&past, id));
        *ret = TAKE_PTR(durations);
        return 1;
}

static int run_again_take_shard(RunAgain *again, const RunOptions *options, Suite *suite) {
        const AgainOptions *o = &options->again;
        _cleanup_free_ uint64_t *durations = NULL;
        int r = 0;

        if (o->n_shards == 0)
                return 0;
        if (o->shard_by_duration) {
                r = find_durations(options, suite, &durations);
                if (r < 0)
                        return r;
                if (r == 0)
                        log_warning("No whole run of %s is recorded, whose durations could divide it: divided by hash",
                                    suite->name);
        }
        r = durations ? suite_keep_shard_by_duration(suite, o->shard, o->n_shards, durations) :
                        suite_keep_shard(suite, o->shard, o->n_shards);
        if (r < 0)
                return log_error_errno(r, "Failed to divide the suite: %m");
        return text_setf(&again->shard, "%u/%u", o->shard, o->n_shards);
}

/* A run that goes on with another one has its order, unless another seed is given. */
static int run_again_shuffle(RunAgain *again, const RunOptions *options, Suite *suite) {
        uint64_t seed = options->again.seed;
        int r;

        if (!options->again.shuffle)
                return 0;
        if (!options->again.seed_given &&
            (!again->resumed.seed || parse_uint64(again->resumed.seed, &seed) < 0)) {
                sd_id128_t random;

                r = sd_id128_randomize(&random);
                if (r < 0)
                        return log_error_errno(r, "Failed to make a seed: %m");
                /* Short enough to be typed. */
                seed = random.qwords[0] % 1000000000;
        }
        r = suite_shuffle(suite, seed);
        if (r < 0)
                return log_error_errno(r, "Failed to shuffle the tests: %m");
        return text_setf(&again->seed, "%" PRIu64, seed);
}

/* ---- All of it ---- */

int run_again_prepare(
                RunAgain *again,
                const RunOptions *options,
                bool first,
                Suite *suite,
                int *ret_status) {
        int r = 0;

        again->state_dir = options->state_dir;
        again->patterns = options->patterns;
        again->without_attempts = options->again.repeat > 1;
        past_done(&again->resumed);
        free(again->working_directory);
        again->working_directory = getcwd(NULL, 0);
        if (first && options->again.resume != RESUME_NOTHING)
                r = run_resume_find(&again->resumed, options, suite, ret_status);
        if (r == 0 && options->again.rerun != RERUN_NOTHING)
                r = run_rerun_select(again, options, suite, ret_status);
        if (r == 0 && run_again_is_resuming(again))
                r = run_resume_tell_vanished(&again->resumed, options, suite);
        if (r == 0)
                r = run_again_take_shard(again, options, suite);
        if (r == 0)
                r = run_again_shuffle(again, options, suite);
        if (r == 0 && run_again_is_resuming(again))
                r = run_resume_match(&again->resumed, suite);
        return r;
}

/* ---- A command that was recorded ---- */

/* What text_quote_words() has made. */
int run_again_split_command(const char *s, char ***ret) {
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *word = calloc(strlen(s) + 1, 1);
        int r;

        if (!word)
                return -ENOMEM;
        while (*(s += strspn(s, " "))) {
                char *to = word;
                bool quoted = false;

                for (; *s && (quoted || *s != ' '); s++)
                        if (*s == '\'')
                                quoted = !quoted;
                        else if (*s == '\\' && !quoted && s[1])
                                *to++ = *++s;
                        else
                                *to++ = *s;
                *to = '\0';
                r = strv_extend(&words, word);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* Of an option that is given twice the last one holds: what is given now stands behind, but before a "--". */
static int words_join(char *const *recorded, char *const *given, char ***ret) {
        _cleanup_strv_ char **words = NULL;
        int r = strv_extend(&words, given[0]);

        for (; *recorded && strcmp(*recorded, "--") != 0 && r >= 0; recorded++)
                r = strv_extend(&words, *recorded);
        strv_for_each(word, given + 1)
                if (r >= 0 && strcmp(*word, "--") != 0)
                        r = strv_extend(&words, *word);
        for (; *recorded && r >= 0; recorded++)
                r = strv_extend(&words, *recorded);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(words);
        return 0;
}

int run_again_recall(const RunOptions *options, char **argv, char ***ret) {
        _cleanup_(past_done) Past past = {};
        _cleanup_strv_ char **recorded = NULL;
        _cleanup_free_ char *problem = NULL;
        int r;

        r = past_read(options->state_dir, NULL, options->again.resume_run, &past, &problem);
        if (r < 0)
                return log_error_errno(r, "Cannot go on with a run: %s", problem ?: strerror(-r));
        r = past.command ? run_again_split_command(past.command, &recorded) : 0;
        /* "ptest", "run", … */
        if (r >= 0 && (strv_length(recorded) < 3 || strcmp(recorded[1], "run") != 0)) {
                log_error("%s does not say what was run: name the suite", past.runs[0].name);
                return -EINVAL;
        }
        if (r >= 0)
                r = words_join(recorded + 2, argv, ret);
        if (r < 0)
                return log_error_errno(r, "Cannot go on with a run: %m");
        if (past.working_directory && chdir(past.working_directory) < 0) {
                r = -errno;
                log_error("Cannot go on with a run of %s: %s",
                          past.working_directory,
                          strerror(-r));
                return r;
        }
        return 0;
}
