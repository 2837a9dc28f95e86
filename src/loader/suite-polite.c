/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How workers share the machine with everybody else, and divide their part, as suite files have it
 */

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "loader/suite-keys.h"

/* What the kernel takes. */
#define WEIGHT_MAX    10000U
#define OOM_SCORE_MAX 1000

int suite_file_set_weight(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        unsigned weight = SUITE_WEIGHT_DEFAULT;
        int r = *line->value ? parse_unsigned(line->value, WEIGHT_MAX, &weight) : 0;

        if (r < 0)
                return r;
        if (weight == 0)
                return -ERANGE;
        if (strcmp(line->key, "CPUWeight") == 0)
                file->settings.worker_cpu_weight = weight;
        else
                file->settings.worker_io_weight = weight;
        return 0;
}

int suite_file_set_oom_score(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        int score = SUITE_OOM_SCORE_DEFAULT;
        int r = *line->value ? parse_int(line->value, &score) : 0;

        if (r < 0)
                return r;
        if (score < -OOM_SCORE_MAX || score > OOM_SCORE_MAX)
                return -ERANGE;
        file->settings.worker_oom_score = score;
        return 0;
}

int suite_file_set_test_cgroups(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        bool yes = true;
        int r = *line->value ? parse_bool(line->value, &yes) : 0;

        if (r < 0)
                return r;
        file->settings.no_test_cgroups = !yes;
        return 0;
}
