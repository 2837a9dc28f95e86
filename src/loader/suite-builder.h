/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/suite-file.h"

/*
 * Making a suite of a suite file: what the parts of that share
 */

/* What [Match] sections say of a test of a module that it does not have by itself. */
typedef struct MatchedTest {
        bool isolation; /* it is given: no [Context] changes it */
        const Spec *outer; /* weak: the file's; its Context= is to be around the contexts of the module */
} MatchedTest;

typedef struct SuiteBuilder {
        SuiteFile file;
        Suite *suite; /* weak: the file's, which begins with its [Test] sections */
        Test *defaults;
        bool has_gap;               /* a From= could not be listed */
        MatchedTest *matched;       /* of each test, then of each template */
        const LoadOptions *options; /* weak: the caller's */
        LoadProblems *problems;     /* weak: the caller's */
} SuiteBuilder;

/* The program of a command as a path; what is wrong goes to the problems. */
int builder_find_program(SuiteBuilder *builder, const Spec *spec, char **argv);

/* ---- [Context]: suite-contexts.c ---- */

/* Those of the file, before there are any others. */
int builder_add_contexts(SuiteBuilder *builder);

/* A problem for each context that is named and has no section. */
int builder_name_missing_contexts(SuiteBuilder *builder);

/* Once all tests and contexts are there, and the [Match] sections were applied: what contexts say of what is in them. */
int builder_finish_contexts(SuiteBuilder *builder);
