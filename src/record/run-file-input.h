/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The bytes of a run file, plain or compressed, with what is damaged left out
 */

typedef struct RunFileInput RunFileInput;

int run_file_input_new(const char *path, RunFileInput **ret);
RunFileInput *run_file_input_free(RunFileInput *input);
DEFINE_CLEANUP(RunFileInput, run_file_input_free);

/*
 * > 0: that many bytes; 0: the end. *ret_gap: something before them was left out, and they begin with an entry;
 * *ret_offset is then where they stand in the uncompressed file.
 */
ssize_t run_file_input_read(
                RunFileInput *input, void *data, size_t size, bool *ret_gap, uint64_t *ret_offset);

/* Goes to the last entry, if the end marker tells where it is. 1: there; 0: not known, the position is the old one */
int run_file_input_seek_last(RunFileInput *input);
/* The size of the uncompressed file, where that is known without reading it; else UINT64_MAX */
uint64_t run_file_input_get_size(const RunFileInput *input);

/* Back to an offset of a plain file that can be read again; false: it is not one */
bool run_file_input_go_back(RunFileInput *input, uint64_t offset);

bool run_file_input_is_regular(const RunFileInput *input);

/* offset is one in the uncompressed file */
int run_file_input_add_problem(RunFileInput *input, uint64_t offset, const char *what);
/* One line each; a bounded number of them. The caller frees the vector. */
char **run_file_input_take_problems(RunFileInput *input);
