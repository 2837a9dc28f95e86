/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each step is a bijection of the state, so that two inputs that differ in one word never meet again. Words
 * are little endian on all machines.
 */

#include "record/entry-sum.h"

#include <endian.h>
#include <string.h>

#define SUM_SEED       UINT64_C(0x7074657374202020)
#define SUM_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* odd */

static uint64_t sum_mix(uint64_t hash, uint64_t word) {
        hash = (hash ^ word) * SUM_MULTIPLIER;
        return hash ^ (hash >> 29);
}

void entry_sum_init(EntrySum *sum) {
        *sum = (EntrySum){ .hash = SUM_SEED };
}

/* Bytes one by one, until a word is full or all are used; returns how many it took. */
static size_t sum_add_bytes(EntrySum *sum, const unsigned char *bytes, size_t size) {
        size_t i = 0;

        while (i < size) {
                sum->rest |= (uint64_t)bytes[i++] << (8 * (sum->size++ % 8));
                if (sum->size % 8 == 0) {
                        sum->hash = sum_mix(sum->hash, sum->rest);
                        sum->rest = 0;
                        break;
                }
        }
        return i;
}

void entry_sum_add(EntrySum *sum, const void *data, size_t size) {
        const unsigned char *bytes = data;
        uint64_t word;
        size_t n = 0;

        if (sum->size % 8 != 0)
                n = sum_add_bytes(sum, bytes, size);
        for (; size - n >= sizeof(word); n += sizeof(word)) {
                memcpy(&word, bytes + n, sizeof(word));
                sum->hash = sum_mix(sum->hash, le64toh(word));
                sum->size += sizeof(word);
        }
        if (n < size)
                (void)sum_add_bytes(sum, bytes + n, size - n);
}

uint64_t entry_sum_get(const EntrySum *sum) {
        return sum_mix(sum_mix(sum->hash, sum->rest), sum->size);
}
