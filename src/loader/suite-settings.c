/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What suite files say of the run and its workers, not of its tests
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/parse.h"
#include "basic/text.h"
#include "loader/suite-keys.h"

/* More workers than that are a typo; the coordinator has one socket and some fds for each. */
#define WORKERS_MAX 1000U

/* ---- [Suite] ---- */

int suite_file_set_workers(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        unsigned workers = 0;
        int r;

        if (*line->value) {
                r = parse_unsigned(line->value, WORKERS_MAX, &workers);
                if (r < 0)
                        return r;
                if (workers == 0)
                        return -ERANGE;
        }
        file->settings.workers = workers;
        return 0;
}

int suite_file_set_timeout_multiplier(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        file->settings.timeout_multiplier = 1.0;
        return *line->value ? parse_factor(line->value, &file->settings.timeout_multiplier) : 0;
}

int suite_file_set_stop(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        file->settings.stop_usec = SUITE_STOP_DEFAULT;
        return *line->value ? parse_time(line->value, &file->settings.stop_usec) : 0;
}

int suite_file_set_run_timeout(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        uint64_t usec = USEC_INFINITY;
        int r = *line->value ? parse_time(line->value, &usec) : 0;

        if (r < 0)
                return r;
        if (usec == 0)
                return -ERANGE;
        file->settings.run_timeout_usec = usec;
        return 0;
}

/* "yes" is 1, and "1" is both: the two ways to write it agree. */
int suite_file_set_fail_fast(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        unsigned limit = 0;
        bool flag;
        int r = 0;

        if (*line->value) {
                r = parse_unsigned(line->value, UINT32_MAX, &limit);
                if (r == -EINVAL) {
                        r = parse_bool(line->value, &flag);
                        limit = r >= 0 && flag;
                }
        }
        if (r < 0)
                return r;
        file->settings.fail_fast = limit;
        return 0;
}

int suite_file_set_keep_runs(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return keep_runs_parse(line->value, &file->settings.keep_runs);
}

int suite_file_set_allow_no_tests(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        bool allow = false;
        int r = *line->value ? parse_bool(line->value, &allow) : 0;

        if (r < 0)
                return r;
        file->settings.allow_no_tests = allow;
        return 0;
}

int suite_file_set_slice_memory(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return suite_parse_memory(line->value, &file->settings.slice_memory_max);
}

/* ---- [Worker] ---- */

int suite_file_set_memory_max(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        if (file->section != SPEC_WORKER)
                return suite_file_set_limit(file, spec, line);
        return suite_parse_memory(line->value, &file->settings.worker_memory_max);
}

int suite_file_set_tasks_max(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        if (file->section != SPEC_WORKER)
                return suite_file_set_limit(file, spec, line);
        return suite_parse_tasks(line->value, &file->settings.worker_tasks_max);
}

int suite_file_set_user(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        if (strpbrk(line->value, " \t:/"))
                return -EINVAL;

        /* Whether there is that user is for the machine that runs the tests to tell. */
        int r = text_setf(&file->settings.worker_user_place, "%s:%u", line->path, line->line);

        if (r < 0)
                return r;
        if (*line->value)
                return text_setf(&file->settings.worker_user, "%s", line->value);
        free(TAKE_PTR(file->settings.worker_user));
        return 0;
}

/* ---- When workers are replaced, and what they begin with ---- */

int suite_file_set_recycle_after(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        unsigned n = 0;
        int r = 0;

        if (*line->value && strcmp(line->value, "infinity") != 0)
                r = parse_unsigned(line->value, UINT32_MAX, &n);
        if (r < 0)
                return r;
        file->settings.recycle_after = n;
        return 0;
}

int suite_file_set_recycle_memory(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return suite_parse_memory(line->value, &file->settings.recycle_memory);
}

int suite_file_set_worker_set_up(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_free_ char *joined = NULL, *path = NULL;
        int r;

        if (*line->value) {
                r = path_join(file->directory, line->value, &joined);
                if (r >= 0)
                        r = path_make_absolute(joined, &path);
                if (r < 0)
                        return r;
                if (access(path, F_OK) < 0)
                        return problems_add(
                                        file->problems,
                                        line->path,
                                        line->line,
                                        "the module %s of WorkerSetUp= is not there: %s",
                                        path,
                                        strerror(errno));
        }
        free(file->settings.worker_set_up);
        file->settings.worker_set_up = TAKE_PTR(path);
        return 0;
}
