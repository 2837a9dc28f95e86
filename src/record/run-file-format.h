/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ptest/journal.h"

/*
 * How a run file looks when it is closed and compressed
 *
 *   begin marker · frame · [frames that go on with the same entry …]     again and again, then   · end marker
 *
 * All is valid for zstd, which passes over markers ("skippable frames"). A frame has the first entry alone, or the
 * last, or about RUN_FILE_FRAME_SIZE of whole entries, and a checksum; only an entry that is larger takes
 * several. So a damaged byte costs what is in its frame: behind it a reader goes on at the next begin marker,
 * which says where in the uncompressed file it stands. The end marker says where the last entry is, which
 * tells how the run ended without reading the rest.
 */

/* A marker: magic, size of what follows (both 32 bits, little endian), then 64-bit numbers in little endian. */
#define RUN_FILE_MARKER_HEAD 8U

#define RUN_FILE_BEGIN_MAGIC 0x184D2A57U
#define RUN_FILE_BEGIN_SIZE  8U /* offset in the uncompressed file */

#define RUN_FILE_END_MAGIC 0x184D2A58U
#define RUN_FILE_END_SIZE \
        24U /* offset of the last begin marker; uncompressed size; RUN_FILE_END_WORD */
#define RUN_FILE_END_WORD UINT64_C(0x646e652d74736574) /* "test-end" */

/* Small enough to be lost, large enough to compress well. */
#define RUN_FILE_FRAME_SIZE (1024U * 1024U)

#define RUN_FILE_COMPRESSED_SUFFIX ".zst"
/* Behind the name with a dot before it, until it is whole */
#define RUN_FILE_UNFINISHED_SUFFIX ".new"

/* The last field of each entry: entry_sum_get() of what stands before it, 16 hexadecimal digits */
#define RUN_FILE_CHECKSUM_FIELD PTEST_FIELD_CHECKSUM
