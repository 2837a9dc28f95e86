/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/outcome.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * What a program said of itself on its stdout, read by its protocol; how it ended is not in it
 */

typedef struct Report {
        Outcome outcome;
        char *reason;      /* owned; one printable line; NULL for a plain pass */
        uint64_t n_points; /* that were reported */
        uint64_t n_failed; /* of these */
        bool planned;      /* it said how many points there would be */
        bool bailed_out;
} Report;

static inline void report_done(Report *report) {
        free(report->reason);
        *report = (Report){};
}
