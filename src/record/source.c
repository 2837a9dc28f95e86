/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/source.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/journal-reader.h"
#include "record/run-file-reader.h"
#include "record/state.h"

struct Source {
        RunFileReader *file; /* one of these two */
        JournalReader *journal;
        char *name;
        Record *record;
        sd_id128_t run_id; /* of the first event: a file holds one run */
        bool begun;
        char **problems;
        size_t n_problems;
};

/* Beyond, they are only counted. */
#define SOURCE_PROBLEMS_MAX 20U

Source *source_free(Source *source) {
        if (!source)
                return NULL;
        run_file_reader_free(source->file);
        journal_reader_free(source->journal);
        free(source->name);
        record_free(source->record);
        strv_free(source->problems);
        free(source);
        return NULL;
}

static bool run_is_last(const char *run) {
        return !run || strcmp(run, "last") == 0;
}

static bool run_is_path(const char *run) {
        return run &&
                        (strchr(run, '/') || text_ends_with(run, ".export") ||
                         text_ends_with(run, ".journal"));
}

/* The begin of a run id, as it may be abbreviated. */
static bool run_is_prefix(const char *run) {
        size_t n = run ? strlen(run) : 0;

        return n >= SOURCE_PREFIX_MIN && n <= 32 && strspn(run, "0123456789abcdef") == n;
}

static int problem_no_run(const SourceOptions *options, const char *where, char **ret_problem) {
        int r;

        if (run_is_last(options->run))
                r = asprintf(ret_problem, "There are no runs in %s", where);
        else
                r = asprintf(ret_problem,
                             "No run '%s' in %s: neither a suite that was run nor the begin of a run id (%u digits or more)",
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

        if (run_is_last(options->run) && runs->n_runs > 0) {
                *ret = runs->runs;
                return 0;
        }
        for (size_t i = 0; i < runs->n_runs && options->run; i++)
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
                return problem_no_run(options, state_dir, ret_problem);
        *ret = found;
        return 0;
}

static int source_open_file(Source *source, const char *path, char **ret_problem) {
        int r;

        r = run_file_reader_new(path, &source->file);
        if (r == -ENOENT && asprintf(ret_problem, "There is no run file %s", path) < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        if (r < 0)
                return r;
        source->name = strdup(path);
        return source->name ? 0 : -ENOMEM;
}

static int source_open_state(Source *source, const SourceOptions *options, char **ret_problem) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *found_dir = NULL;
        const char *state_dir = options->state_dir;
        const StateRun *run = NULL;
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
        return source_open_file(source, run->path, ret_problem);
}

/* Entries are looked at from the latest on; that of a suite's name wins over one of a run id that begins so. */
static int find_journal_run(
                JournalReader *reader,
                const SourceOptions *options,
                char *ret_run_id,
                char **ret_problem) {
        bool is_prefix = run_is_prefix(options->run);
        char found[SD_ID128_STRING_MAX] = "";
        JournalRun run;
        int r;

        while ((r = journal_reader_next_run(reader, &run)) > 0) {
                if (strlen(run.run_id) != SD_ID128_STRING_MAX - 1)
                        continue;
                if (run_is_last(options->run) || strcmp(run.suite, options->run) == 0) {
                        strcpy(ret_run_id, run.run_id);
                        return 0;
                }
                if (!is_prefix || !text_starts_with(run.run_id, options->run) ||
                    strcmp(found, run.run_id) == 0)
                        continue;
                if (found[0])
                        return problem_ambiguous(options->run, found, run.run_id, ret_problem);
                strcpy(found, run.run_id);
        }
        if (r < 0)
                return r;
        if (!found[0])
                return problem_no_run(options, "the journal", ret_problem);
        strcpy(ret_run_id, found);
        return 0;
}

static int source_open_journal(
                Source *source,
                const char *path,
                const SourceOptions *options,
                char **ret_problem) {
        char run_id[SD_ID128_STRING_MAX];
        int r;

        source->name = strdup(path ?: "the journal");
        if (!source->name)
                return -ENOMEM;
        r = journal_reader_new(path, &source->journal);
        if (r < 0)
                return r;
        r = find_journal_run(source->journal, options, run_id, ret_problem);
        if (r < 0)
                return r;
        return journal_reader_select(source->journal, run_id);
}

int source_open(const SourceOptions *options, Source **ret, char **ret_problem) {
        _cleanup_(source_freep) Source *source = NULL;
        const SourceOptions last = {};
        int r;

        assert(options);
        assert(ret);
        assert(ret_problem);

        source = calloc(1, sizeof(Source));
        if (!source)
                return -ENOMEM;
        r = record_new(&source->record);
        if (r < 0)
                return r;

        if (run_is_path(options->run) && text_ends_with(options->run, ".journal"))
                r = source_open_journal(source, options->run, &last, ret_problem);
        else if (run_is_path(options->run))
                r = source_open_file(source, options->run, ret_problem);
        else if (options->journal)
                r = source_open_journal(source, NULL, options, ret_problem);
        else
                r = source_open_state(source, options, ret_problem);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(source);
        return 0;
}

static int source_add_problem(Source *source, const char *what) {
        const char *message = record_get(source->record, "MESSAGE");

        source->n_problems++;
        if (source->n_problems > SOURCE_PROBLEMS_MAX)
                return 0;
        if (source->n_problems == SOURCE_PROBLEMS_MAX)
                return strv_extendf(&source->problems, "%s: and more", source->name);
        return strv_extendf(
                        &source->problems,
                        "%s: %s, left out: %s",
                        source->name,
                        what,
                        message ?: "(without a message)");
}

/* Those that the reader of the file had; 0 */
static int source_take_problems(Source *source) {
        _cleanup_strv_ char **problems = NULL;
        int r;

        if (source->file)
                problems = run_file_reader_take_problems(source->file);
        r = strv_extend_strv(&source->problems, problems);
        return r < 0 ? r : 0;
}

int source_read(Source *source, Event **ret) {
        assert(source);
        assert(ret);

        for (;;) {
                _cleanup_(event_freep) Event *event = NULL;
                int r;

                record_reset(source->record);
                if (source->file)
                        r = run_file_reader_read(source->file, source->record);
                else
                        r = journal_reader_read(source->journal, source->record);
                if (r <= 0)
                        return r < 0 ? r : source_take_problems(source);

                r = event_from_record(source->record, &event);
                if (r < 0 && r != -EBADMSG)
                        return r;
                if (r >= 0 && !source->begun) {
                        source->run_id = event->run_id;
                        source->begun = true;
                }
                if (r >= 0 && sd_id128_equal(event->run_id, source->run_id)) {
                        *ret = TAKE_PTR(event);
                        return 1;
                }
                r = source_add_problem(
                                source, event ? "entry of another run" : "not a record of a run");
                if (r < 0)
                        return r;
        }
}

const char *source_get_name(const Source *source) {
        return source->name;
}

char *const *source_get_problems(const Source *source) {
        return source->problems;
}

void source_log_problems(const Source *source) {
        strv_for_each(problem, source->problems)
                log_warning("%s", *problem);
}
