/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"
#include "report/junit-xml.h"
#include "report/name-set.h"

/*
 * <testcase> elements: one a test, with what its earlier attempts were as Surefire has it
 *
 * An attempt that did not pass, at a test that does in the end, is a <flakyFailure> or <flakyError>, and the test a
 * passed one; at a test that does not, it is a <rerunFailure> or <rerunError> beside the <failure> or <error> of the
 * attempt that counts.
 */

typedef struct JunitCases {
        char *suite; /* as the first part of class names; owned */
        NameSet names;
        struct JunitTest *tests; /* with attempts, and without an outcome so far */
        uint64_t written;        /* bytes of the file: how much output is shown depends on it */
        size_t n_cases, n_failures, n_errors, n_skipped;
} JunitCases;

int junit_cases_init(JunitCases *cases, const char *suite);
void junit_cases_done(JunitCases *cases);

/* An attempt, which is shown when its test has an outcome. */
int junit_cases_hold_attempt(JunitCases *cases, const Result *result);

/* Adds and counts one. */
int junit_cases_add(JunitCases *cases, JunitXml *xml, const Result *result);
