/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/test.h"

#include <stddef.h>

/*
 * Tests in little memory
 *
 * A Test with its strings takes half a KiB in a dozen allocations; of a plan of 100,000 that is 50 MiB. Packed, a
 * test is one block (about 50 bytes for a plain one) in large chunks of memory, and what tests mostly have in
 * common is there once for all that are equal in it. What is asked for each test of a run can be read as it
 * is, for all else the test is unpacked.
 */

/* What tests mostly have in common. */
typedef struct TestTraits {
        uint64_t timeout_usec;
        uint64_t grace_usec;
        uint64_t output_max;
        TestLimits limits;
        int32_t timeout_signal;
        uint32_t n_env;
        uint32_t n_tags;
        uint32_t context; /* its number in the suite, see context.h; 0: none */
        uint8_t protocol;
        bool should_fail;
        bool has_workdir;
        bool isolate;
        bool finds;
        bool keep_failed;
        uint8_t private_places;
        uint32_t n_found_argv;
        char strings[]; /* changes to the environment, tags, words of found_argv, workdir */
} TestTraits;

typedef struct PackedTest {
        const TestTraits *traits; /* weak: owned by the store */
        const char *source;       /* weak: owned by the store; may be NULL */
        uint32_t line;
        int32_t priority;
        uint32_t n_argv : 29;
        uint32_t exclusive : 1;
        uint32_t has_description : 1;
        uint32_t has_load_error : 1;
        char address[]; /* with its NUL; behind it the words of argv, description, load_error */
} PackedTest;

/* Owns packed tests; there is no taking away of a single one. */
typedef struct TestStore TestStore;

int test_store_new(TestStore **ret);
TestStore *test_store_free(TestStore *store);
DEFINE_CLEANUP(TestStore, test_store_free);

/* Packs a test, which stays the caller's. */
int test_store_add(TestStore *store, const Test *test, PackedTest **ret);

/* Packs a test into the place of an earlier one, or moves that pointer where the place is too small. */
int test_store_replace(TestStore *store, const Test *test, PackedTest **packed);

/*
 * The traits of all tests of the store one after the other, each once, to be changed for all that have them. The
 * cursor begins at 0; NULL: there are no more.
 */
TestTraits *test_store_next_traits(TestStore *store, size_t *cursor);

/* A test of its own, as it was packed. */
int packed_test_unpack(const PackedTest *packed, Test **ret);

/* NULL: there is none */
const char *packed_test_get_load_error(const PackedTest *packed);
