/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/journal-reader.h"
#include "record/source.h"

/*
 * Which run is meant: the words of SourceOptions.run, looked up in the state directory or in a journal
 *
 * -ENOENT, -ENOTUNIQ: with *ret_problem, a line for the user that the caller frees.
 */

/* Is it the path of a file, rather than a word? */
bool source_run_is_path(const char *run);

/* Do they mean a journal, rather than run files? */
bool source_options_are_journal(const SourceOptions *options);
/* Opens it. -ENOENT, …: with *ret_problem */
int source_open_reader(const SourceOptions *options, JournalReader **ret, char **ret_problem);
/* What the user has to be told of the journal's place; NULL: -ENOMEM */
char *source_describe_journal(const SourceOptions *options);

int source_find_file(const SourceOptions *options, char **ret_path, char **ret_problem);
/* where: the journal's name, for the user; ret_run_id has SD_ID128_STRING_MAX bytes */
int source_find_entry(
                JournalReader *reader,
                const SourceOptions *options,
                const char *where,
                char *ret_run_id,
                char **ret_problem);
