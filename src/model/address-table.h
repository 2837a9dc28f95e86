/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * Which addresses a suite has: tests by their address
 *
 * Four to eight bytes a test; a table with its own nodes would take more than all else that is kept of one.
 */

typedef struct AddressTable {
        uint32_t *places; /* numbers of tests, from 1; 0 is an empty place */
        size_t n_places;  /* a power of two */
        size_t n_taken;
} AddressTable;

/* Empty, with room for so many. */
int address_table_init(AddressTable *table, size_t n);
void address_table_done(AddressTable *table);

/* Room for n in all, so that adding up to then cannot fail. */
int address_table_reserve(AddressTable *table, const Suite *suite, size_t n);

/* Adds a test of the suite. 1: there is one with its address, *ret_first, and it was not added. -ENOMEM */
int address_table_add(AddressTable *table, const Suite *suite, uint32_t test, uint32_t *ret_first);

/* False: it is not there */
bool address_table_get(
                const AddressTable *table, const Suite *suite, const char *address, uint32_t *ret);
bool address_table_contains(const AddressTable *table, const Suite *suite, const char *address);
