/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Of a file that was closed the first and the last entry are read, which stand in small frames of their own. All
 * others are read to their end, but for outputs.
 */

#include "record/run-info.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "record/journal-reader.h"
#include "record/run-file-format.h"
#include "record/run-file-reader.h"
#include "record/run-file.h"
#include "record/source-find.h"
#include "record/state.h"

#define INFO_SKIP (SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS)

static void run_info_done(RunInfo *info) {
        free(info->suite);
        free(info->path);
        event_free(info->started);
        event_free(info->finished);
        strv_free(info->problems);
        *info = (RunInfo){};
}

void run_infos_done(RunInfos *infos) {
        for (size_t i = 0; i < infos->n_infos; i++)
                run_info_done(infos->infos + i);
        free(infos->infos);
        *infos = (RunInfos){};
}

/* Takes what is in info. */
static int run_infos_take(RunInfos *infos, RunInfo *info) {
        if (array_reserve(infos->infos, infos->n_allocated, infos->n_infos + 1) < 0)
                return -ENOMEM;
        infos->infos[infos->n_infos++] = *info;
        *info = (RunInfo){};
        return 0;
}

/* Keeps what tells something of the run as a whole, and counts the rest. */
static int run_info_take(RunInfo *info, Event *event) {
        _cleanup_(event_freep) Event *owned = event;

        info->last_usec = owned->time_usec;
        if (owned->kind == EVENT_TEST_FINISHED)
                tally_add(&info->tally, owned->result->outcome, owned->result->marks);
        else if (owned->kind == EVENT_TESTS_FOUND)
                info->tally.planned = owned->tests_found.planned;
        else if (owned->kind == EVENT_RUN_STARTED && !info->started) {
                info->tally.planned = owned->run_started.planned;
                info->started = TAKE_PTR(owned);
        } else if (owned->kind == EVENT_RUN_FINISHED && !info->finished) {
                info->tally = owned->run_finished.tally;
                info->finished = TAKE_PTR(owned);
        }
        if (info->suite || (!info->started && !info->finished))
                return 0;
        info->suite = strdup((info->started ?: info->finished)->suite);
        return info->suite ? 0 : -ENOMEM;
}

/* One entry. 1: it was an event of the run, or not one; 0: the end */
static int run_info_read_entry(RunInfo *info, RunFileReader *reader, Record *record) {
        Event *event;
        int r;

        record_reset(record);
        r = run_file_reader_read(reader, record);
        if (r <= 0)
                return r;
        r = event_from_record(record, &event);
        if (r == -EBADMSG)
                return 1;
        if (r >= 0)
                r = run_info_take(info, event);
        return r < 0 ? r : 1;
}

static int run_info_read_file(RunInfo *info) {
        _cleanup_(run_file_reader_freep) RunFileReader *reader = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        int r, at_last = 0;

        r = record_new(&record);
        if (r >= 0)
                r = run_file_reader_new(info->path, INFO_SKIP, &reader);
        if (r >= 0)
                r = run_info_read_entry(info, reader, record);
        if (r > 0)
                at_last = run_file_reader_seek_last(reader);
        if (at_last < 0)
                r = at_last;
        while (r > 0)
                r = run_info_read_entry(info, reader, record);
        if (reader)
                info->problems = run_file_reader_take_problems(reader);
        return r;
}

/* A run that died before its first record was written leaves an empty file, to which this does not apply. */
static bool run_info_is_unreadable(const RunInfo *info) {
        return info->last_usec == 0 && info->end == RUN_END_DIED &&
                        (info->size > 0 || text_ends_with(info->path, RUN_FILE_COMPRESSED_SUFFIX));
}

/* Of the file at info->path, which was compressed under another name if that was just now. */
static int run_info_read_either(RunInfo *info) {
        char *compressed;
        int r = run_info_read_file(info);

        if (r != -ENOENT || text_ends_with(info->path, RUN_FILE_COMPRESSED_SUFFIX))
                return r;
        if (asprintf(&compressed, "%s" RUN_FILE_COMPRESSED_SUFFIX, info->path) < 0)
                return -ENOMEM;
        free(info->path);
        info->path = compressed;
        return run_info_read_file(info);
}

static int run_info_read_state(const StateRun *run, RunInfo *info) {
        /* Before it is read: a run that ends in between has an end then. */
        const bool written = run_file_is_written(run->path) > 0;
        int r;

        strcpy(info->run_id, run->run_id);
        info->size = run->size;
        info->path = strdup(run->path);
        if (!info->path)
                return -ENOMEM;
        r = run_info_read_either(info);
        if (r == -ENOMEM || r == -ENOENT || r == -EACCES)
                return r;
        if (r < 0)
                r = strv_extendf(&info->problems, "Cannot read %s: %s", info->path, strerror(-r));
        if (r < 0)
                return r;
        info->end = info->finished ? RUN_END_FINISHED : written ? RUN_END_RUNNING : RUN_END_DIED;
        if (run_info_is_unreadable(info)) {
                info->end = RUN_END_UNREADABLE;
                r = strv_extendf(&info->problems, "%s has no records of a run", info->path);
                if (r < 0)
                        return r;
        }
        /* Of a file in which nothing can be read its name still tells the suite. */
        if (!info->suite)
                info->suite = strdup(run->suite);
        return info->suite ? 0 : -ENOMEM;
}

static int run_infos_read_state(
                const SourceOptions *options, const char *suite, size_t max, RunInfos *infos) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *found = NULL;
        int r = 0;

        if (!options->state_dir)
                r = state_dir_find(&found);
        if (r >= 0)
                r = state_list_runs(options->state_dir ?: found, &runs);
        for (size_t i = 0; i < runs.n_runs && r >= 0 && (max == 0 || infos->n_infos < max); i++) {
                _cleanup_(run_info_done) RunInfo info = {};

                if (suite && !state_run_is_of_suite(runs.runs + i, suite))
                        continue;
                r = run_info_read_state(runs.runs + i, &info);
                /* Pruned just now, or not for us to read */
                if (r == -ENOENT || r == -EACCES) {
                        r = 0;
                        continue;
                }
                if (r >= 0)
                        r = run_infos_take(infos, &info);
        }
        return r;
}

/* The first and the last record of a run; a second reader, since the first one goes through the runs. */
static int run_info_read_journal(RunInfo *info, JournalReader *reader, Record *record) {
        Event *event;
        int r;

        r = journal_reader_select_ends(reader, info->run_id);
        info->end = RUN_END_UNKNOWN;
        while (r >= 0) {
                record_reset(record);
                r = journal_reader_read(reader, record);
                if (r <= 0)
                        return r;
                r = event_from_record(record, &event);
                if (r == -EBADMSG) {
                        r = 0;
                        continue;
                }
                if (r >= 0)
                        r = run_info_take(info, event);
                if (info->finished)
                        info->end = RUN_END_FINISHED;
        }
        return r == -ENOENT ? 0 : r;
}

static int run_infos_read_journal(
                JournalReader *runs,
                JournalReader *reader,
                const char *suite,
                size_t max,
                RunInfos *infos) {
        _cleanup_(record_freep) Record *record = NULL;
        JournalRun run;
        int r;

        r = record_new(&record);
        while (r >= 0 && (max == 0 || infos->n_infos < max)) {
                _cleanup_(run_info_done) RunInfo info = {};
                bool again = false;

                r = journal_reader_next_run(runs, &run);
                if (r <= 0)
                        return r;
                if (strlen(run.run_id) != SD_ID128_STRING_MAX - 1 ||
                    (suite && strcmp(run.suite, suite) != 0))
                        continue;
                /* Two files can have the same run, and anybody can log that a run started. */
                for (size_t i = 0; i < infos->n_infos && !again; i++)
                        again = strcmp(infos->infos[i].run_id, run.run_id) == 0;
                if (again)
                        continue;
                strcpy(info.run_id, run.run_id);
                r = run_info_read_journal(&info, reader, record);
                if (r >= 0 && info.started)
                        r = run_infos_take(infos, &info);
        }
        return r;
}

int run_infos_read(
                const SourceOptions *options,
                const char *suite,
                size_t max,
                RunInfos *ret,
                char **ret_problem) {
        _cleanup_(journal_reader_freep) JournalReader *runs = NULL, *reader = NULL;
        _cleanup_(run_infos_done) RunInfos infos = {};
        int r;

        assert(options);
        assert(ret);

        if (source_options_are_journal(options)) {
                r = source_open_reader(options, &runs, ret_problem);
                if (r >= 0)
                        r = source_open_reader(options, &reader, ret_problem);
                if (r >= 0)
                        r = run_infos_read_journal(runs, reader, suite, max, &infos);
        } else
                r = run_infos_read_state(options, suite, max, &infos);
        if (r < 0)
                return r;
        *ret = infos;
        infos = (RunInfos){};
        return 0;
}

const char *run_end_to_string(RunEnd end) {
        static const char *const words[RUN_END_MAX] = {
                [RUN_END_FINISHED] = "finished",
                [RUN_END_RUNNING] = "running",
                [RUN_END_DIED] = "died",
                [RUN_END_UNKNOWN] = "unknown",
                [RUN_END_UNREADABLE] = "unreadable",
        };

        return words[end];
}
