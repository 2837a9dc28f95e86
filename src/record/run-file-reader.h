/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/record.h"

/*
 * Reads the entries of a run file, plain or compressed, whole or half-written, or of anything in the Journal Export
 * Format
 *
 * What is damaged is left out up to the next entry that is not, and told as a problem; what stands before and after
 * it is read. Entries of a run file have checksums: those that are given are as they were written.
 */

typedef struct RunFileReader RunFileReader;

/* skip: SOURCE_WITHOUT_… of record/source.h */
int run_file_reader_new(const char *path, unsigned skip, RunFileReader **ret);
RunFileReader *run_file_reader_free(RunFileReader *reader);
DEFINE_CLEANUP(RunFileReader, run_file_reader_free);

/* Fills an empty record. 1: there was an entry, 0: the end */
int run_file_reader_read(RunFileReader *reader, Record *record);

/*
 * Goes to the last entry of a compressed file without reading what is before it. 1: there; 0: that cannot be done, the
 * position is the old one
 */
int run_file_reader_seek_last(RunFileReader *reader);

/* What was wrong since the last call, one line each; a bounded number of them. The caller frees the vector. */
char **run_file_reader_take_problems(RunFileReader *reader);
