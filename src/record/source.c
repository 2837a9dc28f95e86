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
#include "record/run-file-format.h"
#include "record/run-file-reader.h"
#include "record/source-find.h"

struct Source {
        RunFileReader *file; /* one of these two */
        JournalReader *journal;
        char *name;
        Record *record;
        sd_id128_t run_id; /* of the first event: a file holds one run */
        bool begun;
        size_t n_results,
                        n_counted; /* those that were read, and those that the run has counted at its end */
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

static int source_open_file(Source *source, const char *path, unsigned skip, char **ret_problem) {
        _cleanup_free_ char *compressed = NULL;
        int r;

        r = run_file_reader_new(path, skip, &source->file);
        /* The path that the run had while it was written stays good. */
        if (r == -ENOENT && text_ends_with(path, ".export")) {
                if (asprintf(&compressed, "%s" RUN_FILE_COMPRESSED_SUFFIX, path) < 0) {
                        compressed = NULL;
                        return -ENOMEM;
                }
                r = run_file_reader_new(compressed, skip, &source->file);
                if (r >= 0)
                        path = compressed;
        }
        if (r < 0 && r != -ENOMEM &&
            (r == -ENOENT ? asprintf(ret_problem, "There is no run file %s", path) :
                            asprintf(ret_problem, "Cannot read %s: %s", path, strerror(-r))) < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        if (r < 0)
                return r;
        source->name = strdup(path);
        return source->name ? 0 : -ENOMEM;
}

static int source_open_state(Source *source, const SourceOptions *options, char **ret_problem) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = source_find_file(options, &path, ret_problem);
        return r < 0 ? r : source_open_file(source, path, options->skip, ret_problem);
}

static int source_open_journal(Source *source, const SourceOptions *options, char **ret_problem) {
        char run_id[SD_ID128_STRING_MAX];
        int r;

        source->name = source_describe_journal(options);
        if (!source->name)
                return -ENOMEM;
        r = source_open_reader(options, &source->journal, ret_problem);
        if (r >= 0)
                r = source_find_entry(source->journal, options, source->name, run_id, ret_problem);
        return r < 0 ? r : journal_reader_select(source->journal, run_id);
}

/* A journal file that is given in place of a run: the latest run in it. */
static int source_open_journal_file(
                Source *source, const SourceOptions *options, char **ret_problem) {
        char *files[] = { (char *)options->run, NULL };
        const SourceOptions latest = { .files = files, .skip = options->skip };

        return source_open_journal(source, &latest, ret_problem);
}

int source_open(const SourceOptions *options, Source **ret, char **ret_problem) {
        _cleanup_(source_freep) Source *source = NULL;
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

        if (source_run_is_path(options->run) && text_ends_with(options->run, ".journal"))
                r = source_open_journal_file(source, options, ret_problem);
        else if (source_run_is_path(options->run))
                r = source_open_file(source, options->run, options->skip, ret_problem);
        else if (source_options_are_journal(options))
                r = source_open_journal(source, options, ret_problem);
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

/* At the end: those that the reader of the file had, and what was never written, as on a full disk; 0 */
static int source_take_problems(Source *source) {
        _cleanup_strv_ char **problems = NULL;
        int r;

        if (source->file)
                problems = run_file_reader_take_problems(source->file);
        r = strv_extend_strv(&source->problems, problems);
        if (r >= 0 && source->n_results < source->n_counted)
                r = strv_extendf(
                                &source->problems,
                                "%s: %zu of the %zu results that the run counted are not there",
                                source->name,
                                source->n_counted - source->n_results,
                                source->n_counted);
        source->n_counted = 0;
        return r < 0 ? r : 0;
}

static void source_count(Source *source, const Event *event) {
        if (event->kind == EVENT_TEST_FINISHED)
                source->n_results++;
        else if (event->kind == EVENT_RUN_FINISHED)
                source->n_counted = tally_reported(&event->run_finished.tally);
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
                        source_count(source, event);
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
