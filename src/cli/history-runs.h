/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/history-run.h"
#include "cli/review-options.h"

/*
 * The runs that there are where the options look, the latest first
 *
 * Only their names are looked at: whether one can be read shows when it is opened.
 */

typedef struct HistoryEntry {
        char run_id[SD_ID128_STRING_MAX];
        char *suite; /* of a run file as in its name, see history_entry_is_of_suite() */
        char *run;   /* for SourceOptions.run: a path, or an id */
        bool by_name;
} HistoryEntry;

typedef struct HistoryEntries {
        HistoryEntry *entries;
        size_t n_entries, n_allocated;
} HistoryEntries;

int history_list(const SourceOptions *options, HistoryEntries *ret);
/* For a verb that compares them: what it reads then comes without output and lists. Logs */
int history_list_compared(ReviewOptions *options, HistoryEntries *ret);
void history_entries_done(HistoryEntries *entries);

bool history_entry_is_of_suite(const HistoryEntry *entry, const char *suite);

/* The number of a run, or n_entries if it is not among them. */
size_t history_find(const HistoryEntries *entries, sd_id128_t run_id);

/* Those of a suite, of the entry first and earlier ones: the numbers of the latest max, latest first. */
int history_select(
                const HistoryEntries *entries,
                size_t first,
                const char *suite,
                size_t max,
                size_t **ret,
                size_t *ret_n);

/* Reads the run of an entry. 1: it was read; 0: it cannot be: it was pruned in the meantime, or has no records */
int history_read_entry(
                const SourceOptions *options,
                const HistoryEntry *entry,
                const HistoryReadOptions *read_options,
                HistoryNames *names,
                HistoryRun *ret);

/* Reads the tests that are wanted of the run that somebody named (NULL: the latest); logs what is wrong. */
int history_read_named(
                const ReviewOptions *options,
                const char *run,
                HistoryNames *names,
                HistoryRun *ret);

/* Finds the run that somebody named among the entries; logs what is wrong. */
int history_locate(
                const ReviewOptions *options,
                const char *run,
                const HistoryEntries *entries,
                size_t *ret,
                char **ret_suite);
