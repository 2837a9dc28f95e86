/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * The run file: entries in the Journal Export Format, appended one by one
 *
 * Each entry begins with the fields that a journal needs (time stamps, boot id) and that journald would have
 * added (host, pid, …), so that systemd-journal-remote makes a journal file of it.
 */

typedef struct RunFile RunFile;

/* Creates the file, with the directories above it. -EEXIST */
int run_file_new(const char *path, RunFile **ret);
RunFile *run_file_free(RunFile *file);
DEFINE_CLEANUP(RunFile, run_file_free);

/*
 * Appends one entry with one write(2). fields is what export_add_record() gave. An entry that could not be
 * written whole (a full disk) is taken back, so that what stands before it stays readable.
 */
int run_file_write(RunFile *file, uint64_t realtime_usec, const Buffer *fields);
int run_file_sync(RunFile *file);
const char *run_file_get_path(const RunFile *file);
