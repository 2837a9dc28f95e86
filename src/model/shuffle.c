/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/shuffle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/hash.h"

typedef struct Card {
        uint64_t hash;
        PackedTest *test;
} Card;

static int card_compare(const void *a, const void *b) {
        const Card *x = a, *y = b;

        if (x->hash != y->hash)
                return x->hash < y->hash ? -1 : 1;
        return strcmp(x->test->address, y->test->address);
}

int suite_shuffle(Suite *suite, uint64_t seed) {
        _cleanup_free_ Card *cards = calloc(MAX(suite->n_tests, 1U), sizeof(Card));
        /* Seeds that differ in one bit are to give orders that have nothing in common. */
        uint64_t start = hash_finish(seed ^ HASH_SEED);

        if (!cards)
                return -ENOMEM;
        for (size_t i = 0; i < suite->n_tests; i++) {
                PackedTest *test = suite->tests[i];

                cards[i] = (Card){ .hash = hash_finish(hash_string(start, test->address)),
                                   .test = test };
        }
        qsort(cards, suite->n_tests, sizeof(Card), card_compare);
        for (size_t i = 0; i < suite->n_tests; i++)
                suite->tests[i] = cards[i].test;
        return 0;
}
