/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An open table, with the hash function of uthash. Less than half of its places are ever taken, so that there is
 * always an empty one where a search ends.
 */

#include "model/address-table.h"

#include <errno.h>
#include <string.h>

#include <uthash.h>

int address_table_init(AddressTable *table, size_t n) {
        size_t n_places = 16;

        while (n_places <= n * 2)
                n_places *= 2;
        *table = (AddressTable){ .n_places = n_places };
        table->places = calloc(n_places, sizeof(uint32_t));
        return table->places ? 0 : -ENOMEM;
}

void address_table_done(AddressTable *table) {
        free(table->places);
        *table = (AddressTable){};
}

/* The place of this address, or the empty one where it is to go. */
static uint32_t *address_table_find(
                const AddressTable *table, const Suite *suite, const char *address) {
        unsigned hash;

        HASH_JEN(address, strlen(address), hash);
        for (size_t i = hash;; i++) {
                uint32_t *place = &table->places[i & (table->n_places - 1)];

                if (*place == 0 || strcmp(suite->tests[*place - 1]->address, address) == 0)
                        return place;
        }
}

int address_table_reserve(AddressTable *table, const Suite *suite, size_t n) {
        AddressTable larger;
        int r;

        if (n * 2 < table->n_places)
                return 0;
        r = address_table_init(&larger, MAX(n, table->n_places));
        if (r < 0)
                return r;
        for (size_t i = 0; i < table->n_places; i++)
                if (table->places[i] != 0)
                        *address_table_find(
                                        &larger,
                                        suite,
                                        suite->tests[table->places[i] - 1]->address) =
                                        table->places[i];
        larger.n_taken = table->n_taken;
        address_table_done(table);
        *table = larger;
        return 0;
}

int address_table_add(AddressTable *table, const Suite *suite, uint32_t test, uint32_t *ret_first) {
        uint32_t *place;
        int r;

        r = address_table_reserve(table, suite, table->n_taken + 1);
        if (r < 0)
                return r;
        place = address_table_find(table, suite, suite->tests[test]->address);
        if (*place != 0) {
                *ret_first = *place - 1;
                return 1;
        }
        *place = test + 1;
        table->n_taken++;
        return 0;
}

bool address_table_get(
                const AddressTable *table, const Suite *suite, const char *address, uint32_t *ret) {
        uint32_t place = *address_table_find(table, suite, address);

        if (place == 0)
                return false;
        *ret = place - 1;
        return true;
}

bool address_table_contains(const AddressTable *table, const Suite *suite, const char *address) {
        return *address_table_find(table, suite, address) != 0;
}
