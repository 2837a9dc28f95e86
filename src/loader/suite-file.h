/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/keyfile.h"
#include "loader/source.h"

/*
 * A suite file and its drop-ins, read but not yet turned into tests
 */

/* Which keys a section gave, so that what it did not give stays as it is. */
typedef enum SpecGiven {
        SPEC_PROTOCOL = 1 << 0,
        SPEC_TIMEOUT = 1 << 1,
        SPEC_GRACE = 1 << 2,
        SPEC_SIGNAL = 1 << 3,
        SPEC_SHOULD_FAIL = 1 << 4,
        SPEC_EXCLUSIVE = 1 << 5,
        SPEC_PRIORITY = 1 << 6,
        SPEC_OUTPUT_MAX = 1 << 7,
} SpecGiven;

typedef enum SpecKind {
        SPEC_SUITE, /* what [Suite] says about tests: the defaults of all */
        SPEC_WORKER,
        SPEC_TEST,
        SPEC_MATCH,
        SPEC_KIND_MAX,
} SpecKind;

/*
 * What one section says about tests. Those of [Test] sections are packed as soon as the next section begins, because
 * a file may have 100,000 of them.
 */
typedef struct Spec {
        SpecKind kind;
        char *name; /* of [Test NAME], [Match GLOB] */
        const char *path; /* where the section begins; weak: one of the file's paths, or the values' source */
        unsigned line;
        Test *values;
        unsigned given;        /* SpecGiven bits; lists and strings are given if they are there */
        const char *exec_path; /* weak: one of the file's paths */
        unsigned exec_line;
} Spec;

/* What a packed test does not tell of its section. */
typedef struct SpecNote {
        uint32_t given : 8;
        uint32_t exec_path : 24; /* number in the file's paths */
        uint32_t exec_line;
} SpecNote;

/* One From= */
typedef struct SuiteFrom {
        char *value;
        const Source *source; /* weak: static */
        char *target;         /* absolute */
        char *path;           /* where it is written */
        unsigned line;
} SuiteFrom;

typedef struct SuiteFile {
        char *path;      /* absolute */
        char *directory; /* what relative paths are relative to, also those of drop-ins */
        char *description;
        SuiteSettings settings;
        Spec *defaults;
        SuiteFrom *from;
        size_t n_from;
        Suite *tests; /* the values of [Test] sections in their order, with source and line of the section */
        SpecNote *notes; /* of each of them */
        Spec **matches;  /* [Match] sections in their order */
        size_t n_matches;
        char **paths; /* this file and its drop-ins */

        /* While it is read */
        Spec *open;     /* the [Test] section that is not packed yet */
        size_t open_at; /* its place in tests: the next one, or of one that a drop-in changes */
        Spec *current;  /* weak: open, in matches, or defaults; NULL: the section is unknown */
        SpecKind section;
        size_t n_tests_before; /* of the files before this one */
        LoadProblems *problems;
} SuiteFile;

/* A section may be written once in a file. */
#define SUITE_FILE_SPECS_MAX SUITE_TESTS_MAX
#define SUITE_FILE_FROM_MAX  1000U

/*
 * Reads a suite file and its drop-ins. Negative only if it cannot be read at all (a problem says why) or
 * for want of memory: what is wrong in it is in the problems.
 */
int suite_file_read(SuiteFile *file, const char *path, LoadProblems *problems);
void suite_file_done(SuiteFile *file);

/* One assignment of the current section; what is wrong goes to the problems. */
int suite_file_assign(SuiteFile *file, const KeyfileLine *line);

void suite_from_done(SuiteFrom *from);

/* The [Test] section with this number, unpacked, for the caller. */
int suite_file_get_spec(const SuiteFile *file, size_t i, Spec **ret);
Spec *spec_free(Spec *spec);
DEFINE_CLEANUP(Spec, spec_free);

/* Writes what the section gives over what the test has. */
int spec_apply(const Spec *spec, Test *test);

/* "[Test foo]", "[Suite]": for messages. */
const char *spec_kind_to_string(SpecKind kind);
