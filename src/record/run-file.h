/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * The run file: entries in the Journal Export Format, appended one by one, and compressed at the end
 *
 * Each entry begins with the fields that a journal needs (time stamps, boot id) and that journald would have
 * added (host, pid, …), so that systemd-journal-remote makes a journal file of it, and ends with a checksum.
 */

typedef struct RunFile RunFile;

/*
 * Creates the file, with the directories above it, and holds a lock on it (an OFD lock of the whole file) until it is
 * freed, so that others see that it is being written. -EEXIST
 */
int run_file_new(const char *path, RunFile **ret);
RunFile *run_file_free(RunFile *file);
DEFINE_CLEANUP(RunFile, run_file_free);

/*
 * Appends one entry with one write(2). fields is what export_add_record() gave. An entry that could not be
 * written whole (a full disk) is taken back, so that what stands before it stays readable.
 */
int run_file_write(RunFile *file, uint64_t realtime_usec, const Buffer *fields);
/* Removes the last entry again. */
int run_file_take_back(RunFile *file);
/* -ENOENT: somebody has removed it */
int run_file_sync(RunFile *file);

/* Where it will be once it is compressed */
const char *run_file_get_compressed_path(const RunFile *file);
/*
 * Closes the file: compresses it to that path, safe on the disk, and removes the plain one. When this fails it stays as
 * it is.
 */
int run_file_finish(RunFile *file);

/* 1: somebody holds that lock, and goes on writing; 0: nobody does; negative: that cannot be found out */
int run_file_is_written(const char *path);

/* Where it is now */
const char *run_file_get_path(const RunFile *file);
