/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/source-find.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/parse.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/state.h"

/* "last", "last-3" */
static bool run_is_last(const char *run, uint64_t *ret_back) {
        *ret_back = 0;
        if (!run || strcmp(run, "last") == 0)
                return true;
        return text_starts_with(run, "last-") && parse_uint64(run + strlen("last-"), ret_back) >= 0;
}

bool source_run_is_path(const char *run) {
        return run &&
                        (strchr(run, '/') || text_ends_with(run, ".export") ||
                         text_ends_with(run, ".export.zst") || text_ends_with(run, ".journal"));
}

/* The begin of a run id, as it may be abbreviated. */
static bool run_is_prefix(const char *run) {
        size_t n = run ? strlen(run) : 0;

        return n >= SOURCE_PREFIX_MIN && n <= 32 && strspn(run, "0123456789abcdef") == n;
}

/* n_runs: how many there are at all, as far as they were counted */
static int problem_no_run(
                const SourceOptions *options,
                uint64_t n_runs,
                const char *where,
                char **ret_problem) {
        uint64_t back;
        int r;

        if (run_is_last(options->run, &back) && n_runs > 0)
                r = asprintf(ret_problem,
                             "No run '%s' in %s: there %s only %zu run%s",
                             options->run,
                             where,
                             n_runs == 1 ? "is" : "are",
                             (size_t)n_runs,
                             n_runs == 1 ? "" : "s");
        else if (run_is_last(options->run, &back))
                r = asprintf(ret_problem, "There are no runs in %s", where);
        else if (options->run[0] && access(options->run, F_OK) >= 0)
                r = asprintf(ret_problem,
                             "No run '%s' in %s; the file of that name is ./%s",
                             options->run,
                             where,
                             options->run);
        else
                r = asprintf(ret_problem,
                             "No run '%s' in %s: neither a suite that was run nor the begin of a run id (%u digits or more); \"ptest runs\" lists them",
                             options->run,
                             where,
                             SOURCE_PREFIX_MIN);
        if (r < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        return -ENOENT;
}

static int problem_ambiguous(
                const char *run, const char *first, const char *second, char **ret_problem) {
        if (asprintf(ret_problem,
                     "'%s' is the begin of several run ids: %s, %s",
                     run,
                     first,
                     second) < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        return -ENOTUNIQ;
}

/* A suite's name is looked for first: somebody may have called one "cafe". */
static int find_run(
                const SourceOptions *options,
                const char *state_dir,
                const StateRuns *runs,
                const StateRun **ret,
                char **ret_problem) {
        const StateRun *found = NULL;
        uint64_t back;

        if (run_is_last(options->run, &back)) {
                if (back >= runs->n_runs)
                        return problem_no_run(options, runs->n_runs, state_dir, ret_problem);
                *ret = runs->runs + back;
                return 0;
        }
        for (size_t i = 0; i < runs->n_runs; i++)
                if (state_run_is_of_suite(runs->runs + i, options->run)) {
                        *ret = runs->runs + i;
                        return 0;
                }
        for (size_t i = 0; i < runs->n_runs && run_is_prefix(options->run); i++) {
                if (!text_starts_with(runs->runs[i].run_id, options->run))
                        continue;
                if (found)
                        return problem_ambiguous(
                                        options->run,
                                        found->run_id,
                                        runs->runs[i].run_id,
                                        ret_problem);
                found = runs->runs + i;
        }
        if (!found)
                return problem_no_run(options, runs->n_runs, state_dir, ret_problem);
        *ret = found;
        return 0;
}

int source_find_file(const SourceOptions *options, char **ret_path, char **ret_problem) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *found_dir = NULL;
        const char *state_dir = options->state_dir;
        const StateRun *run = NULL;
        char *path;
        int r;

        if (!state_dir) {
                r = state_dir_find(&found_dir);
                if (r < 0)
                        return r;
                state_dir = found_dir;
        }
        r = state_list_runs(state_dir, &runs);
        if (r < 0)
                return r;
        r = find_run(options, state_dir, &runs, &run, ret_problem);
        if (r < 0)
                return r;
        path = strdup(run->path);
        if (!path)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

/*
 * Entries are looked at from the latest on; that of a suite's name wins over one of a run id that begins so.
 * A run that was logged twice (two journal files have it) is one run.
 */
int source_find_entry(
                JournalReader *reader,
                const SourceOptions *options,
                const char *where,
                char *ret_run_id,
                char **ret_problem) {
        bool is_prefix = run_is_prefix(options->run), is_last;
        char found[SD_ID128_STRING_MAX] = "", second[SD_ID128_STRING_MAX] = "",
             before[SD_ID128_STRING_MAX] = "";
        uint64_t back, n_runs = 0;
        JournalRun run;
        int r;

        is_last = run_is_last(options->run, &back);
        while ((r = journal_reader_next_run(reader, &run)) > 0) {
                if (strlen(run.run_id) != SD_ID128_STRING_MAX - 1 ||
                    strcmp(run.run_id, before) == 0)
                        continue;
                strcpy(before, run.run_id);
                n_runs++;
                if (is_last ? n_runs == back + 1 : strcmp(run.suite, options->run) == 0) {
                        strcpy(ret_run_id, run.run_id);
                        return 0;
                }
                if (!is_prefix || !text_starts_with(run.run_id, options->run) ||
                    strcmp(found, run.run_id) == 0)
                        continue;
                strcpy(found[0] ? second : found, run.run_id);
        }
        if (r < 0)
                return r;
        if (!found[0])
                return problem_no_run(options, n_runs, where, ret_problem);
        if (second[0])
                return problem_ambiguous(options->run, found, second, ret_problem);
        strcpy(ret_run_id, found);
        return 0;
}

bool source_options_are_journal(const SourceOptions *options) {
        return options->journal || options->directory || options->files ||
                        options->journal_namespace;
}

char *source_describe_journal(const SourceOptions *options) {
        char *name;

        if (options->directory)
                return strdup(options->directory);
        if (options->files)
                return strv_join(options->files, ", ");
        if (!options->journal_namespace)
                return strdup("the journal");
        if (asprintf(&name, "the journal of namespace %s", options->journal_namespace) < 0)
                return NULL;
        return name;
}

/* What sd-journal says of files in a word that says nothing. */
static const char *journal_error_describe(int error) {
        switch (error) {
        case -EBADMSG:
                return "not a journal file, or a damaged one";
        case -ENODATA:
                return "the journal file is cut off";
        default:
                return strerror(-error);
        }
}

int source_open_reader(const SourceOptions *options, JournalReader **ret, char **ret_problem) {
        const JournalPlace place = {
                .directory = options->directory,
                .files = options->files,
                .journal_namespace = options->journal_namespace,
        };
        _cleanup_free_ char *name = NULL;
        int r;

        r = journal_reader_new(&place, options->skip, ret);
        if (r >= 0)
                return 0;
        name = source_describe_journal(options);
        if (!name ||
            asprintf(ret_problem, "Failed to open %s: %s", name, journal_error_describe(r)) < 0)
                *ret_problem = NULL;
        return r;
}
