/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/source.h"

#include <argp.h>
#include <stdbool.h>

/*
 * What all verbs share that look at runs: which run and tests, where to look for them, and --json
 *
 * A verb's argp has review_children, or review_argp among children of its own, and gives it its options at
 * ARGP_KEY_INIT: state->child_inputs[0] = &arguments->review. An argument that the verb leaves alone
 * (ARGP_ERR_UNKNOWN) becomes the RUN; a verb whose arguments are something else handles them itself.
 */

typedef struct ReviewOptions {
        SourceOptions source; /* its strings are borrowed from the command line, but for the files */
        char **patterns;      /* of a verb that has --keyword, or the like */
        bool json;
        int error; /* 0, -ENOMEM */
} ReviewOptions;

void review_options_done(ReviewOptions *options);

extern const struct argp review_argp;
/* For a verb that makes something else of a run: --json is not shown, and refused by the verb if it is given. */
extern const struct argp review_where_argp;
extern const struct argp_child review_children[];

#define REVIEW_HEADER "Where to look:"

/* For the end of a verb's text. */
#define REVIEW_RUN_DOC                                                                                         \
        "RUN is \"last\" (the default), \"last-1\" for the run before it, the name of a suite for its latest " \
        "run, the begin of a run's id (4 digits or more), or the path of a run file or journal file."

/*
 * Reads the options of a verb whose arguments begin with ReviewOptions. 0, or the exit status for wrong use, which is
 * said. review_options_done() comes after either.
 */
int review_parse(const struct argp *argp, int argc, char **argv, void *arguments);

/* Opens a run; what is wrong is logged. */
int review_open(const ReviewOptions *options, Source **ret);
/* The same for another run than that of the options */
int review_open_run(const ReviewOptions *options, const char *run, Source **ret);
