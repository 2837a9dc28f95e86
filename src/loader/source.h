/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/problems.h"
#include "model/suite.h"

/*
 * What can be listed: the small interface behind which each kind of listing lives
 *
 * A source recognises a path by what is there, and adds the tests that it finds to a suite. Multipliers and
 * [Match] sections come later, from who asked for the listing.
 */

typedef struct SourceContext {
        const LoadOptions *options;
        Suite *suite;
        const Test *defaults; /* what tests have that do not say otherwise; timeout_usec is resolved */
        LoadProblems *problems;
} SourceContext;

typedef struct Source {
        const char *name; /* as in From=NAME:PATH and in messages */
        bool (*recognise)(const char *path);
        /* A short name for the suite of this path alone. */
        int (*name_suite)(const char *path, char **ret);
        /*
         * path is absolute. Negative: nothing could be listed, and at least one problem says why; a single
         * test that cannot be read is a test with a load_error.
         */
        int (*load)(SourceContext *context, const char *path);
} Source;

extern const Source source_meson;
extern const Source source_installed;
extern const Source source_directory;
extern const Source source_module;

const Source *source_find_by_name(const char *name, size_t length);
/* What a directory is, or a file that is no suite file. NULL: nothing known is there */
const Source *source_find_by_path(const char *path);

/* A test with the defaults of the context; any text will do as its address. */
int source_new_test(const SourceContext *context, const char *address, Test **ret);

/* A program's file that can be executed, from $PATH or a path. -ENOENT, -EACCES (also for a directory) */
int source_find_program(const char *name, char **ret);

/* Lists a path. What fails is one test named by the listing, whose load_error is what the problems say. */
int source_load_contained(
                SourceContext *context, const Source *source, const char *spec, const char *path);

/* From the test `first` on, gives the later ones with the same address the first free "#2", "#3", … in their order. */
int source_make_addresses_unique(Suite *suite, size_t first);

/* Calls back for each test whose address an earlier one (first) has already. */
int source_find_duplicates(
                const Suite *suite,
                int (*callback)(const PackedTest *first, const PackedTest *second, void *userdata),
                void *userdata);

/* A suite file by its absolute path; name becomes the suite's. */
int suite_file_load(
                const char *path,
                const char *name,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems);

/* What is wrong: the outer context's name, file and line. */
#define CONTEXT_TEXT_SHARED_IN_SPLIT                                                                \
        "shared and nested in a split one, %s (%s:%u), which each worker sets up for itself; make " \
        "it split too, or nest it in none"

/* The innermost split context around one; NULL: none */
const Context *contexts_find_split(Context *const *contexts, uint32_t number);

/* Of all tests of modules; what the module itself says of a test stands above it. */
void suite_set_isolation(Suite *suite, LoadIsolation isolation);

/* All finite timeouts × multiplier; 0 means none, as with meson. */
void suite_multiply_timeouts(Suite *suite, double multiplier);

/* Drops a name's characters that have a meaning elsewhere (a path's slash, white space). */
int suite_name_sanitize(const char *text, char **ret);
