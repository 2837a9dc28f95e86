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
        SPEC_CONTEXT_NAME = 1 << 8,
        SPEC_ISOLATION = 1 << 9, /* never of a [Test], whose note has no room for it */
} SpecGiven;

typedef enum SpecKind {
        SPEC_SUITE, /* what [Suite] says about tests: the defaults of all */
        SPEC_WORKER,
        SPEC_TEST,
        SPEC_MATCH,
        SPEC_CONTEXT,
        SPEC_KIND_MAX,
} SpecKind;

/*
 * What one section says about tests. Those of [Test] sections are packed as soon as the next section begins, because
 * a file may have 100,000 of them.
 */
typedef struct Spec {
        SpecKind kind;
        char *name; /* of [Test NAME], [Match GLOB], [Context NAME] */
        const char *path; /* where the section begins; weak: one of the file's paths, or the values' source */
        unsigned line;
        Test *values;
        unsigned given;        /* SpecGiven bits; lists and strings are given if they are there */
        const char *exec_path; /* weak: one of the file's paths */
        unsigned exec_line;
        struct ContextSpec *context; /* weak: what it is in; NULL: it is no [Context] section */
} Spec;

/* One command of a fixture. */
typedef struct FixtureSpec {
        char **argv;
        uint64_t timeout_usec; /* 0: not given */
        const char *path;      /* weak: one of the file's paths */
        unsigned line;
} FixtureSpec;

/*
 * A context, from where it was named first: in the Context= of a test or of another context, or in its own section.
 * Its number in the suite is its place here, from 1.
 */
typedef struct ContextSpec {
        Spec *spec;               /* environment, working directory, description; exclusive */
        const char *section_path; /* weak: of the last file that has a section of it; NULL: none has */
        FixtureSpec set_up, tear_down;
        ContextMode mode;
        uint32_t parent;
} ContextSpec;

/* What a packed test does not tell of its section. */
typedef struct SpecNote {
        uint32_t given : 9;
        uint32_t exec_path : 23; /* number in the file's paths */
        uint32_t exec_line;
} SpecNote;

/* Where the FoundExec= of a test is written, which few tests have. */
typedef struct FoundNote {
        size_t test;      /* its place in the file's tests */
        const char *path; /* weak: one of the file's paths */
        unsigned line;
} FoundNote;

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
        bool has_limits;  /* some section limits tests */
        bool has_private; /* some section has private places */
        Spec *defaults;
        SuiteFrom *from;
        size_t n_from;
        Suite *tests; /* the values of [Test] sections in their order, with source and line of the section */
        SpecNote *notes; /* of each of them */
        size_t n_notes_allocated;
        FoundNote *found_notes; /* a later one of a test holds */
        size_t n_found_notes;
        Spec **matches; /* [Match] sections in their order */
        size_t n_matches;
        ContextSpec **contexts; /* by number - 1 */
        size_t n_contexts;
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
/* It stands in addresses of fixtures, with the suite's name in front. */
#define CONTEXT_NAME_MAX     200U

/*
 * Reads a suite file and its drop-ins. Negative only if it cannot be read at all (a problem says why) or
 * for want of memory: what is wrong in it is in the problems.
 */
int suite_file_read(SuiteFile *file, const char *path, LoadProblems *problems);
void suite_file_done(SuiteFile *file);

/* One assignment of the current section; what is wrong goes to the problems. */
int suite_file_assign(SuiteFile *file, const KeyfileLine *line);

/* The number of a context, which may have its section later; what is wrong goes to the problems, and *ret is 0. */
int suite_file_name_context(
                SuiteFile *file, const char *name, const KeyfileLine *line, uint32_t *ret);

/* Once all is put together: what tests and fixtures do not say themselves, contexts and the suite say. */
void suite_file_resolve_limits(const SuiteFile *file, Suite *suite);

/* Private places of tests: what over gives over places; and as limits are resolved. */
unsigned private_places_apply(unsigned places, unsigned over);
int suite_file_resolve_private(const SuiteFile *file, Suite *suite);

void suite_from_done(SuiteFrom *from);

/* The [Test] section with this number, unpacked, for the caller. */
int suite_file_get_spec(const SuiteFile *file, size_t i, Spec **ret);
Spec *spec_free(Spec *spec);
DEFINE_CLEANUP(Spec, spec_free);

/* Where the [Test] section with this number, or a drop-in's, has its FoundExec=, for messages; NULL if none has. */
const FoundNote *suite_file_get_found_note(const SuiteFile *file, size_t i);

/* Writes what the section gives over what the test has. */
int spec_apply(const Spec *spec, Test *test);

/* "[Test foo]", "[Suite]": for messages. */
const char *spec_kind_to_string(SpecKind kind);
