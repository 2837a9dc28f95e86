/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/history-runs.h"

#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/log.h"
#include "record/journal-reader.h"
#include "record/source-find.h"
#include "record/state.h"

void history_entries_done(HistoryEntries *entries) {
        for (size_t i = 0; i < entries->n_entries; i++) {
                free(entries->entries[i].suite);
                free(entries->entries[i].run);
        }
        free(entries->entries);
        *entries = (HistoryEntries){};
}

static int entries_add(
                HistoryEntries *entries,
                const char *run_id,
                const char *suite,
                const char *run,
                bool by_name) {
        HistoryEntry *entry;

        if (strlen(run_id) != SD_ID128_STRING_MAX - 1)
                return 0;
        if (array_reserve(entries->entries, entries->n_allocated, entries->n_entries + 1) < 0)
                return -ENOMEM;
        entry = entries->entries + entries->n_entries;
        *entry = (HistoryEntry){
                .suite = strdup(suite),
                .run = strdup(run),
                .by_name = by_name,
        };
        strcpy(entry->run_id, run_id);
        entries->n_entries++;
        return entry->suite && entry->run ? 0 : -ENOMEM;
}

static int list_state(const SourceOptions *options, HistoryEntries *entries) {
        _cleanup_(state_runs_done) StateRuns runs = {};
        _cleanup_free_ char *found = NULL;
        int r = 0;

        if (!options->state_dir)
                r = state_dir_find(&found);
        if (r >= 0)
                r = state_list_runs(options->state_dir ?: found, &runs);
        for (size_t i = 0; i < runs.n_runs && r >= 0; i++)
                r = entries_add(entries,
                                runs.runs[i].run_id,
                                runs.runs[i].suite,
                                runs.runs[i].path,
                                true);
        return r;
}

/* Two journal files may both have the record of a run's start. */
static bool entries_end_with(const HistoryEntries *entries, const char *run_id) {
        return entries->n_entries > 0 &&
                        strcmp(entries->entries[entries->n_entries - 1].run_id, run_id) == 0;
}

static int list_journal(const SourceOptions *options, HistoryEntries *entries) {
        _cleanup_(journal_reader_freep) JournalReader *reader = NULL;
        const JournalPlace place = {
                .directory = options->directory,
                .files = options->files,
                .journal_namespace = options->journal_namespace,
        };
        JournalRun run;
        int r;

        r = journal_reader_new(&place, 0, &reader);
        if (r < 0)
                return r;
        while ((r = journal_reader_next_run(reader, &run)) > 0) {
                if (entries_end_with(entries, run.run_id))
                        continue;
                r = entries_add(entries, run.run_id, run.suite, run.run_id, false);
                if (r < 0)
                        break;
        }
        return r;
}

int history_list(const SourceOptions *options, HistoryEntries *ret) {
        _cleanup_(history_entries_done) HistoryEntries entries = {};
        int r;

        if (source_options_are_journal(options))
                r = list_journal(options, &entries);
        else
                r = list_state(options, &entries);
        if (r < 0)
                return r;
        *ret = entries;
        entries = (HistoryEntries){};
        return 0;
}

int history_list_compared(ReviewOptions *options, HistoryEntries *ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        options->source.skip = SOURCE_WITHOUT_OUTPUT | SOURCE_WITHOUT_LISTS;
        r = history_list(&options->source, ret);
        if (r >= 0)
                return 0;
        if (source_options_are_journal(&options->source))
                name = source_describe_journal(&options->source);
        return log_error_errno(
                        r, "Failed to list the runs in %s: %m", name ?: "the state directory");
}

bool history_entry_is_of_suite(const HistoryEntry *entry, const char *suite) {
        const StateRun named = { .suite = entry->suite };

        return entry->by_name ? state_run_is_of_suite(&named, suite) :
                                strcmp(entry->suite, suite) == 0;
}

size_t history_find(const HistoryEntries *entries, sd_id128_t run_id) {
        char id[SD_ID128_STRING_MAX];
        size_t i = 0;

        sd_id128_to_string(run_id, id);
        while (i < entries->n_entries && strcmp(entries->entries[i].run_id, id) != 0)
                i++;
        return i;
}

int history_select(
                const HistoryEntries *entries,
                size_t first,
                const char *suite,
                size_t max,
                size_t **ret,
                size_t *ret_n) {
        size_t *numbers, n = 0;

        max = MIN(max, entries->n_entries);
        numbers = calloc(MAX(max, 1U), sizeof(size_t));
        if (!numbers)
                return -ENOMEM;
        for (size_t i = first; i < entries->n_entries && n < max; i++)
                if (history_entry_is_of_suite(entries->entries + i, suite))
                        numbers[n++] = i;
        *ret = numbers;
        *ret_n = n;
        return 0;
}

int history_read_entry(
                const SourceOptions *options,
                const HistoryEntry *entry,
                const HistoryReadOptions *read_options,
                HistoryNames *names,
                HistoryRun *ret) {
        SourceOptions source_options = *options;
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_free_ char *problem = NULL;
        int r;

        source_options.run = entry->run;
        r = source_open(&source_options, &source, &problem);
        if (r >= 0)
                r = history_run_read(source, read_options, names, ret);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT && r != -ENODATA)
                log_warning("Failed to read run %.8s, left out: %s", entry->run_id, strerror(-r));
        return r >= 0;
}

int history_read_named(
                const ReviewOptions *options,
                const char *run,
                HistoryNames *names,
                HistoryRun *ret) {
        const HistoryReadOptions read_options = { .patterns = options->patterns, .reasons = true };
        _cleanup_(source_freep) Source *source = NULL;
        int r;

        r = review_open_run(options, run, &source);
        if (r < 0)
                return r;
        r = history_run_read(source, &read_options, names, ret);
        if (r == -ENODATA)
                return log_error_errno(r, "%s has no records of a run", source_get_name(source));
        return r < 0 ? log_error_errno(r, "Failed to read %s: %m", source_get_name(source)) : 0;
}

int history_locate(
                const ReviewOptions *options,
                const char *run,
                const HistoryEntries *entries,
                size_t *ret,
                char **ret_suite) {
        _cleanup_(source_freep) Source *source = NULL;
        _cleanup_(event_freep) Event *event = NULL;
        int r;

        r = review_open_run(options, run, &source);
        if (r < 0)
                return r;
        r = source_read(source, &event);
        if (r < 0)
                return log_error_errno(r, "Failed to read %s: %m", source_get_name(source));
        if (r == 0)
                return log_error_errno(
                                -ENODATA, "%s has no records of a run", source_get_name(source));
        *ret = history_find(entries, event->run_id);
        if (*ret == entries->n_entries)
                return log_error_errno(
                                -ENOENT,
                                "%s is not where other runs are looked for; say with --state-dir where they are",
                                source_get_name(source));
        *ret_suite = TAKE_PTR(event->suite);
        return 0;
}
