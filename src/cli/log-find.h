/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/review-options.h"
#include "model/result.h"

/*
 * Finds the result that an address stands for: of a test, of one of its attempts, or of a set-up or tear-down that failed
 */

typedef struct LogWanted {
        const char *address; /* or a part of one, or a glob, that one address matches */
        unsigned attempt;    /* 0: the last one */
} LogWanted;

/* 0, -ENOENT: none, or several; what is wrong is logged, with what would be near. */
int log_find(const ReviewOptions *options, const LogWanted *wanted, Result **ret);
