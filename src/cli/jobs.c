/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "basic/log.h"
#include "basic/parse.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"

static bool jobs_parse(const char *source, const char *value, unsigned *ret) {
        unsigned n;

        if (!value || !*value)
                return false;
        if (parse_unsigned(value, JOBS_MAX, &n) < 0 || n == 0) {
                log_warning("%s: \"%s\" is not a number of workers from 1 to %u; ignored",
                            source,
                            value,
                            JOBS_MAX);
                return false;
        }
        *ret = n;
        return true;
}

/* "nocheck parallel=4 terse": separated by spaces or commas, the last one counts. */
static bool jobs_parse_deb_build_options(unsigned *ret) {
        const char *options = getenv("DEB_BUILD_OPTIONS");
        _cleanup_strv_ char **words = NULL;
        bool found = false;

        if (!options || strv_split(options, " ,\t", &words) < 0)
                return false;
        strv_for_each(word, words)
                if (text_starts_with(*word, "parallel="))
                        found |= jobs_parse("DEB_BUILD_OPTIONS", *word + strlen("parallel="), ret);
        return found;
}

static bool jobs_parse_environment(const char *name, unsigned *ret) {
        return jobs_parse(name, getenv(name), ret);
}

unsigned jobs_get_default(unsigned suite_workers) {
        unsigned n;

        if (suite_workers > 0)
                return suite_workers;
        if (jobs_parse_environment("PTEST_WORKERS", &n) || jobs_parse_deb_build_options(&n) ||
            jobs_parse_environment("RPM_BUILD_NCPUS", &n) ||
            jobs_parse_environment("MESON_NUM_PROCESSES", &n) ||
            jobs_parse_environment("MESON_TESTTHREADS", &n))
                return n;
        return process_count_cpus();
}
