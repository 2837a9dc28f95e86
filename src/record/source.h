/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/event.h"

/*
 * Reads the events of one run, from its run file or from the journal
 */

typedef struct SourceOptions {
        /*
         * Which run: NULL or "last"; "last-1" for the one before it, and so on; the name of a suite, for its
         * latest; a run id or its begin, at least SOURCE_PREFIX_MIN digits; the path of a run file (with a
         * slash, or ending in .export or .export.zst), or of a journal file (ending in .journal).
         */
        const char *run;
        const char *state_dir; /* NULL: state_dir_find() */
        bool journal;          /* in the journal instead of the state directory */
        /* In another journal than this machine's own; at most one of the three, and then journal is not needed */
        const char *directory;
        char **files;
        const char *journal_namespace;
        unsigned skip; /* SOURCE_WITHOUT_…: what is not wanted need not be read */
} SourceOptions;

/* Results have no output and no order of it; its size they have. */
#define SOURCE_WITHOUT_OUTPUT (1U << 0)
/* Results have no points, leaks, dirt, backtrace, stuck report, files, directory. */
#define SOURCE_WITHOUT_LISTS  (1U << 1)

#define SOURCE_PREFIX_MIN 4U

typedef struct Source Source;

/*
 * -ENOENT: no such run; -ENOTUNIQ: more than one id begins so; both with *ret_problem, a line for the user
 * that the caller frees.
 */
int source_open(const SourceOptions *options, Source **ret, char **ret_problem);
Source *source_free(Source *source);
DEFINE_CLEANUP(Source, source_free);

/* 1: an event, 0: the end. Records that are not events of this run are left out and counted as problems. */
int source_read(Source *source, Event **ret);

/* Where it reads: a path, or "the journal" */
const char *source_get_name(const Source *source);
/* What was wrong, one line each, a bounded number of them; complete when the end was read. Borrowed. */
char *const *source_get_problems(const Source *source);
/* Logs them as warnings. */
void source_log_problems(const Source *source);
