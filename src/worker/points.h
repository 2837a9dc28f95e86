/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/result.h"

/*
 * Points: what a program reports of its parts, counted, kept in its result, and put into words
 *
 * Everything is bounded: beyond RESULT_POINTS_MAX points, or POINTS_TEXT_MAX bytes of names, points are only
 * counted. Names and reasons are made printable and cut.
 */

/* Names shown in a reason: enough to see what is wrong at a glance. */
#define POINTS_NAMED_MAX 5

/* Bytes of a name that stand in a reason: one long name shall not fill the line alone. */
#define POINTS_LABEL_MAX 80U

/* Of one name or reason, in bytes. */
#define POINTS_NAME_MAX 512U

/* Of all together: a result must fit into PTEST_SPILL_SIZE_MAX beside two streams at CAPTURE_MAX. */
#define POINTS_TEXT_MAX (4U * 1024U * 1024U)

typedef struct Points {
        Result *result; /* weak: owned by who collects; gets the points */
        uint64_t total;
        uint64_t count[PTEST_OUTCOME_MAX];
        size_t text_size;
        bool last_kept; /* the last one reported stands in the result */
        char *named[PTEST_OUTCOME_MAX]
                   [POINTS_NAMED_MAX]; /* of each outcome but pass, the first few */
        char *first_skip_reason;
} Points;

void points_init(Points *points, Result *result);
void points_done(Points *points);

int points_add(Points *points,
               Outcome outcome,
               uint64_t number,
               const char *name,
               size_t name_size,
               const char *reason,
               size_t reason_size);

/* A reason for the last point that was added, unless it has one. */
int points_explain_last(Points *points, const char *reason, size_t size);

/* "2 of 7 points failed: 3 - opens the file, 5": the points of one outcome; noun is "points", verb "failed" */
int points_describe(
                const Points *points,
                Outcome outcome,
                const char *noun,
                const char *verb,
                char **ret);
