/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/record.h"

#include <systemd/sd-id128.h>

/*
 * Reads runs from the journal
 *
 * Whoever can log can log our fields too. A run's entries are therefore those of the process that logged its
 * "run started" first, as journald itself saw it (_PID, _UID): a test cannot add results.
 */

typedef struct JournalReader JournalReader;

/* Whose journal; at most one of these is given. None: that of this machine */
typedef struct JournalPlace {
        const char *directory;         /* with journal files in it or one level below */
        char *const *files;            /* journal files */
        const char *journal_namespace; /* of this machine; "*": all of them */
} JournalPlace;

/* place NULL: the journal of this machine. skip: SOURCE_WITHOUT_… of record/source.h */
int journal_reader_new(const JournalPlace *place, unsigned skip, JournalReader **ret);
JournalReader *journal_reader_free(JournalReader *reader);
DEFINE_CLEANUP(JournalReader, journal_reader_free);

/* A started run. Strings are borrowed until the next call. */
typedef struct JournalRun {
        const char *run_id;
        const char *suite;
} JournalRun;

/* The runs, latest first: 1: a run, 0: no more */
int journal_reader_next_run(JournalReader *reader, JournalRun *ret);

/* Goes to the begin of that run. -ENOENT */
int journal_reader_select(JournalReader *reader, const char *run_id);
/* The same, but only its run started and run finished will be read */
int journal_reader_select_ends(JournalReader *reader, const char *run_id);
/* Fills an empty record with the fields that are not journald's. 1: there was an entry, 0: the end */
int journal_reader_read(JournalReader *reader, Record *record);
