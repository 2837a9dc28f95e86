/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * Loaders: from what exists on disk to a suite
 *
 * A target is the name of a suite file in the search path, a path to one, a meson build directory, a
 * directory of .test files, a directory of executables, or a test module (a shared object); recognised by what is there.
 */

/* Whether tests of modules run in a child of their own. */
typedef enum LoadIsolation {
        LOAD_ISOLATION_SUITE, /* as the suite says */
        LOAD_ISOLATION_NONE,
        LOAD_ISOLATION_PROCESS,
} LoadIsolation;

typedef struct LoadOptions {
        double timeout_multiplier; /* on top of the suite's own; 1.0 */
        uint64_t timeout_usec; /* overrides the default of tests that do not name their own; 0: not given */
        LoadIsolation isolation;
        const char *worker; /* path of ptest-worker, which can tell what is in a module; NULL: not found */
        const char *user; /* overrides the user of the suite; NULL: not given */
} LoadOptions;

/*
 * Text for a person about what is wrong: one line each, "file:line: what is wrong; what would be right".
 */
typedef struct LoadProblems {
        char **lines;
} LoadProblems;

void load_problems_done(LoadProblems *problems);

/*
 * Loads a target. Negative: it cannot be read, and problems says why (all of them, not only the first). A
 * listing that fails inside a suite that can be read is a test with a load_error, not a failure here.
 */
int loader_load(const char *target,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems);

/* Where suite files are looked for, first found wins; $PTEST_SUITE_PATH (colon-separated) replaces it. */
char *const *loader_get_search_path(void);

/*
 * Several suites as one: addresses get the prefix "<suite>/", also that of a single one. The tests move to the
 * new suite; the suites themselves, then empty, stay the caller's to free. -EINVAL with a problem if their
 * workers' settings differ. Timeouts stay as they are: the multipliers are applied by loader_load().
 */
int suite_merge(Suite **suites, size_t n_suites, Suite **ret, LoadProblems *problems);
