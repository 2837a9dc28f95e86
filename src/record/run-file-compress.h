/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Compresses a run file that has been written to its end (record/run-file-format.h)
 */

typedef struct RunFileParts {
        const uint64_t *begins; /* of each part, which begins with an entry; the first is 0, the last the last entry */
        size_t n_begins;
        uint64_t size; /* of the whole file */
} RunFileParts;

/*
 * Writes the file of fd to path, which appears whole and safe on the disk or not at all, with mode and times of
 * the other. The other stays.
 */
int run_file_compress(int fd, const RunFileParts *parts, const char *path);
