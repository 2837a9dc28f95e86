/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of an entry in a run file: finds every change of one place, and is quick
 *
 * It stands in the entry's last field, PTEST_CHECKSUM, and is about all bytes before that field's name. It
 * says that a disk kept what was written, not who wrote it.
 */

typedef struct EntrySum {
        uint64_t hash;
        uint64_t size;
        uint64_t rest; /* bytes that do not fill a word yet */
} EntrySum;

void entry_sum_init(EntrySum *sum);
/* Where the bytes are cut into pieces makes no difference. */
void entry_sum_add(EntrySum *sum, const void *data, size_t size);
uint64_t entry_sum_get(const EntrySum *sum);
