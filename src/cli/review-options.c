/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/review-options.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"

/* The exit status, see verb.h */
#define REVIEW_WRONG_USE 2

enum {
        OPTION_JSON = 0x1000, /* out of the way of the verbs' own */
        OPTION_JOURNAL,
        OPTION_STATE_DIR,
        OPTION_FILE,
        OPTION_NAMESPACE,
};

/* clang-format off */
#define OPTIONS_WHERE \
        { "state-dir", OPTION_STATE_DIR, "DIR", 0, "Where the run files are", 0 }, \
        { "journal", OPTION_JOURNAL, NULL, 0, "Read from this machine's journal instead", 0 }, \
        { "directory", 'D', "DIR", 0, "Read from the journal files in there, of another machine say", 0 }, \
        { "file", OPTION_FILE, "GLOB", 0, "Read from these journal files; repeatable", 0 }, \
        { "namespace", OPTION_NAMESPACE, "NAME", 0, "Read from that namespace's journal", 0 }

#define OPTION_JSON_WITH(flags) \
        { "json", OPTION_JSON, NULL, flags, "Print one JSON document, described in ptest(1)", 0 }
/* clang-format on */

static const struct argp_option review_options[] = {
        OPTIONS_WHERE,
        OPTION_JSON_WITH(0),
        {},
};

/* That there is none is said in better words than "unrecognized option". */
static const struct argp_option where_options[] = {
        OPTIONS_WHERE,
        OPTION_JSON_WITH(OPTION_HIDDEN),
        {},
};

void review_options_done(ReviewOptions *options) {
        options->source.files = strv_free(options->source.files);
        options->patterns = strv_free(options->patterns);
}

/* A name without a match stays as it is, and is an error when it is opened. */
static void options_add_files(ReviewOptions *options, struct argp_state *state, const char *name) {
        glob_t found = {};
        int r;

        if (text_ends_with(name, ".export") || text_ends_with(name, ".export.zst"))
                argp_error(state,
                           "%s is a run file, not a journal file; give it as the run, without --file",
                           name);
        r = glob(name, GLOB_NOCHECK, NULL, &found);
        if (r == GLOB_NOSPACE)
                options->error = -ENOMEM;
        else if (r != 0)
                argp_error(state, "cannot read what --file=%s stands for", name);
        else
                options->error = strv_extend_strv(&options->source.files, found.gl_pathv);
        if (options->error > 0)
                options->error = 0;
        globfree(&found);
}

static void options_check(const ReviewOptions *options, struct argp_state *state) {
        const SourceOptions *source = &options->source;

        if (!!source->directory + !!source->files + !!source->journal_namespace > 1)
                argp_error(state, "--directory, --file and --namespace exclude each other");
        if (source->state_dir &&
            (source->journal || source->directory || source->files || source->journal_namespace))
                argp_error(state,
                           "--state-dir is about run files; it cannot be given together with a journal");
}

static error_t review_on_option(int key, char *value, struct argp_state *state) {
        ReviewOptions *options = state->input;

        switch (key) {
        case OPTION_JSON:
                options->json = true;
                break;
        case OPTION_JOURNAL:
                options->source.journal = true;
                break;
        case OPTION_STATE_DIR:
                options->source.state_dir = value;
                break;
        case 'D':
                options->source.directory = value;
                break;
        case OPTION_FILE:
                options_add_files(options, state, value);
                break;
        case OPTION_NAMESPACE:
                options->source.journal_namespace = value;
                break;
        case ARGP_KEY_ARG:
                if (options->source.run)
                        argp_error(state, "more than one run given");
                options->source.run = value;
                break;
        case ARGP_KEY_END:
                options_check(options, state);
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return options->error < 0 ? -options->error : 0;
}

const struct argp review_argp = {
        .options = review_options,
        .parser = review_on_option,
};

const struct argp review_where_argp = {
        .options = where_options,
        .parser = review_on_option,
};

const struct argp_child review_children[] = {
        {&review_argp,   0, REVIEW_HEADER, 0 },
        {     },
};

int review_parse(const struct argp *argp, int argc, char **argv, void *arguments) {
        error_t error = argp_parse(argp, argc, argv, 0, NULL, arguments);

        /* What has no sense was said where it was read. */
        if (error != 0 && error != EINVAL)
                log_error_errno(-error, "Failed to read the options: %m");
        return error == 0 ? 0 : REVIEW_WRONG_USE;
}

int review_open(const ReviewOptions *options, Source **ret) {
        return review_open_run(options, options->source.run, ret);
}

int review_open_run(const ReviewOptions *options, const char *run, Source **ret) {
        _cleanup_free_ char *problem = NULL;
        SourceOptions source = options->source;
        int r;

        source.run = run;
        r = source_open(&source, ret, &problem);
        if (r < 0 && problem)
                log_error("%s", problem);
        else if (r < 0)
                log_error_errno(r, "Failed to find the run: %m");
        return r;
}
