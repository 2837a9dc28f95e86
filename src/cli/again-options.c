/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/again-options.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "cli/option-value.h"
#include "coordinator/retry.h"
#include "model/shard.h"

/* Numbers of their own: the keys of a verb's options begin at 0x100. */
enum {
        OPTION_RETRIES = 0x500,
        OPTION_FLAKY,
        OPTION_REPEAT,
        OPTION_UNTIL_FAIL,
        OPTION_RERUN,
        OPTION_RESUME,
        OPTION_SHUFFLE,
        OPTION_SHARD,
        OPTION_SHARD_BY,
};

static const struct argp_option options_table[] = {
        {"retries",
         OPTION_RETRIES, "N",
         0, "Run a test that did not pass again, up to N times; stands above the suite's Retries=",
         0 },
        { "flaky",
         OPTION_FLAKY, "VERDICT",
         0, "A test that passed only then: pass (default) or fail",
         0 },
        { "repeat", OPTION_REPEAT, "N", 0, "Run each test N times; all must pass", 0 },
        { "until-fail",
         OPTION_UNTIL_FAIL, "N",
         OPTION_ARG_OPTIONAL, "Run all over and over until a run does not pass, at most N times",
         0 },
        { "rerun",
         OPTION_RERUN, "WHAT[:RUN]",
         OPTION_ARG_OPTIONAL, "Run what was failed (default), not-passed or outstanding in that run, or the suite's last",
         0 },
        { "resume",
         OPTION_RESUME, "RUN",
         OPTION_ARG_OPTIONAL, "Go on with that run, or the last; auto: with the last if its ptest died, else begin anew",
         0 },
        { "shuffle",
         OPTION_SHUFFLE, "SEED",
         OPTION_ARG_OPTIONAL, "In a random order, which SEED repeats",
         0 },
        { "shard",
         OPTION_SHARD, "I/N",
         0, "Run the I-th of N parts, which together are the suite",
         0 },
        { "shard-by",
         OPTION_SHARD_BY, "HOW",
         0, "Divide by hash (default), or duration[:RUN]: by that run's, which must be the same for all parts",
         0 },
        {                                                                                     }
};

static int parse_count(const char *arg, unsigned min, unsigned max, unsigned *ret) {
        unsigned n;
        int r = parse_unsigned(arg, max, &n);

        if (r < 0)
                return r;
        if (n < min)
                return -ERANGE;
        *ret = n;
        return 0;
}

static int options_parse_flaky(AgainOptions *options, const char *arg) {
        options->flaky_given = true;
        options->flaky = flaky_policy_from_string(arg);
        return options->flaky < 0 ? -EINVAL : 0;
}

static int options_parse_until_fail(AgainOptions *options, const char *arg) {
        options->until_fail = true;
        options->until_fail_max = 0;
        return arg ? parse_count(arg, 1, UINT32_MAX, &options->until_fail_max) : 0;
}

/* "WHAT" or "WHAT:RUN" */
int again_options_parse_rerun(AgainOptions *options, const char *arg) {
        static const char *const words[] = {
                [RERUN_FAILED] = "failed",
                [RERUN_NOT_PASSED] = "not-passed",
                [RERUN_OUTSTANDING] = "outstanding",
        };

        options->rerun_run = NULL;
        if (!arg) {
                options->rerun = RERUN_FAILED;
                return 0;
        }
        for (size_t i = RERUN_FAILED; i < ELEMENTSOF(words); i++) {
                size_t n = strlen(words[i]);

                if (strncmp(arg, words[i], n) != 0 || (arg[n] != '\0' && arg[n] != ':'))
                        continue;
                options->rerun = (RerunWhat)i;
                if (arg[n] == '\0')
                        return 0;
                options->rerun_run = arg + n + 1;
                return *options->rerun_run ? 0 : -EINVAL;
        }
        return -EINVAL;
}

static int options_parse_resume(AgainOptions *options, const char *arg) {
        options->resume = arg && strcmp(arg, "auto") == 0 ? RESUME_AUTO : RESUME_RUN;
        options->resume_run = options->resume == RESUME_RUN ? arg : NULL;
        return arg && !*arg ? -EINVAL : 0;
}

static int options_parse_shuffle(AgainOptions *options, const char *arg) {
        options->shuffle = true;
        options->seed_given = arg;
        return arg ? parse_uint64(arg, &options->seed) : 0;
}

/* "2/5" */
int again_options_parse_shard(AgainOptions *options, const char *arg) {
        const char *slash = strchr(arg, '/');
        _cleanup_free_ char *first = NULL;
        unsigned i, n;
        int r;

        if (!slash)
                return -EINVAL;
        first = strndup(arg, (size_t)(slash - arg));
        if (!first)
                return -ENOMEM;
        r = parse_count(slash + 1, 1, SHARDS_MAX, &n);
        if (r >= 0)
                r = parse_count(first, 1, n, &i);
        if (r < 0)
                return r;
        options->shard = i;
        options->n_shards = n;
        return 0;
}

static int options_parse_shard_by(AgainOptions *options, const char *arg) {
        options->shard_run = NULL;
        options->shard_by_duration = strcmp(arg, "hash") != 0;
        if (!options->shard_by_duration || strcmp(arg, "duration") == 0)
                return 0;
        if (!text_starts_with(arg, "duration:") || !arg[strlen("duration:")])
                return -EINVAL;
        options->shard_run = arg + strlen("duration:");
        return 0;
}

/* *ret_want: what would be right */
static int options_parse_value(
                AgainOptions *options, int key, const char *arg, const char **ret_want) {
        switch (key) {
        case OPTION_RETRIES:
                *ret_want = "a number from 0 to 100";
                options->retries_given = true;
                return parse_count(arg, 0, TEST_RETRIES_MAX, &options->retries);
        case OPTION_FLAKY:
                *ret_want = "pass or fail";
                return options_parse_flaky(options, arg);
        case OPTION_REPEAT:
                *ret_want = "a number from 1 to 10000";
                return parse_count(arg, 1, RETRY_REPEAT_MAX, &options->repeat);
        case OPTION_UNTIL_FAIL:
                *ret_want = "a number of runs, from 1";
                return options_parse_until_fail(options, arg);
        case OPTION_RERUN:
                *ret_want = "failed, not-passed or outstanding, with :RUN behind it for another than the last run";
                return again_options_parse_rerun(options, arg);
        case OPTION_RESUME:
                *ret_want = "a run, or auto";
                return options_parse_resume(options, arg);
        case OPTION_SHUFFLE:
                *ret_want = "a number from 0 to 18446744073709551615";
                return options_parse_shuffle(options, arg);
        case OPTION_SHARD:
                *ret_want = "one of the parts 1/N to N/N, with N up to 10000";
                return again_options_parse_shard(options, arg);
        case OPTION_SHARD_BY:
                *ret_want = "hash, duration or duration:RUN";
                return options_parse_shard_by(options, arg);
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

static int options_check(const AgainOptions *options) {
        if (options->retries > 0 && options->repeat > 1) {
                log_error("--retries and --repeat contradict each other: is a test well if one of its attempts is, or only if all are?");
                return EINVAL;
        }
        if (options->shard_by_duration && options->n_shards == 0) {
                log_error("--shard-by=duration is about --shard=I/N, which is not given");
                return EINVAL;
        }
        return 0;
}

static error_t options_parse_one(int key, char *arg, struct argp_state *state) {
        AgainOptions *options = state->input;
        const char *want = NULL;
        int r;

        if (key == ARGP_KEY_END)
                return options_check(options);
        r = options_parse_value(options, key, arg, &want);
        if (r == ARGP_ERR_UNKNOWN || r >= 0)
                return r;
        return option_value_reject(options_table, key, arg, want);
}

const struct argp again_options_argp = { .options = options_table, .parser = options_parse_one };
