/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/suite-load.h"

#include <errno.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"

static void suite_log_problems(const LoadProblems *problems, const char *target, int error) {
        strv_for_each(line, problems->lines)
                log_error("%s", *line);
        if (error < 0 && !problems->lines)
                log_error("%s: %s", target, strerror(-error));
}

static int suite_load_one(const char *target, const LoadOptions *options, Suite **ret) {
        _cleanup_(load_problems_done) LoadProblems problems = {};
        int r;

        r = loader_load(target, options, ret, &problems);
        suite_log_problems(&problems, target, r);
        return r;
}

static int suite_load_all(
                char *const *targets,
                const LoadOptions *options,
                Suite **suites,
                size_t *n_suites) {
        int error = 0;

        /* All of them, so that all that is wrong is told at once. */
        strv_for_each(target, targets) {
                int r = suite_load_one(*target, options, &suites[*n_suites]);

                if (r < 0)
                        error = r;
                else
                        (*n_suites)++;
        }
        return error;
}

int suite_load(char *const *targets,
               char *const *patterns,
               const LoadOptions *options,
               Suite **ret) {
        _cleanup_(load_problems_done) LoadProblems problems = {};
        _cleanup_(suite_freep) Suite *suite = NULL;
        _cleanup_free_ Suite **suites = calloc(strv_length(targets) + 1, sizeof(*suites));
        size_t n_suites = 0;
        int r;

        if (!suites)
                return log_error_errno(-ENOMEM, "Failed to load suites: %m");
        r = suite_load_all(targets, options, suites, &n_suites);
        if (r >= 0 && n_suites == 1)
                suite = TAKE_PTR(suites[0]);
        else if (r >= 0) {
                r = suite_merge(suites, n_suites, &suite, &problems);
                suite_log_problems(&problems, "Several suites in one run", r);
        }
        for (size_t i = 0; i < n_suites; i++)
                suite_free(suites[i]);
        if (r < 0)
                return r;
        r = suite_select(suite, patterns);
        if (r < 0)
                return log_error_errno(r, "Failed to select tests: %m");
        *ret = TAKE_PTR(suite);
        return 0;
}
