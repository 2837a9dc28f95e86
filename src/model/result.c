/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"
#include "basic/text.h"

size_t result_output_get_head(const ResultOutput *output) {
        return output->total > output->size ? output->size / 2 : output->size;
}

int result_new(const char *address, Result **ret) {
        _cleanup_(result_freep) Result *result = calloc(1, sizeof(Result));

        if (!result)
                return -ENOMEM;

        result->address = strdup(address);
        if (!result->address)
                return -ENOMEM;
        result->attempt = 1;
        result->exit_status = -1;
        result->memory_peak = SIZE_UNKNOWN;
        result->tasks_peak = UINT64_MAX;
        result->oom_limit = SIZE_INFINITY;
        result->read_bytes = result->write_bytes = SIZE_UNKNOWN;

        *ret = TAKE_PTR(result);
        return 0;
}

static void result_point_done(ResultPoint *point) {
        free(point->name);
        free(point->reason);
}

Result *result_free(Result *result) {
        if (!result)
                return NULL;

        for (size_t i = 0; i < result->n_points; i++)
                result_point_done(&result->points[i]);
        free(result->points);
        strv_free(result->leaks);
        strv_free(result->dirty);
        strv_free(result->backtrace);
        strv_free(result->stuck);
        strv_free(result->files);
        free(result->directory);
        free(result->order);
        free(result->address);
        free(result->reason);
        free(result->oom_victim);
        free(result->out.data);
        free(result->err.data);
        free(result);
        return NULL;
}

static const char *const oom_owner_names[OOM_OWNER_MAX] = {
        [OOM_OWNER_TEST] = "test",
        [OOM_OWNER_WORKER] = "worker",
        [OOM_OWNER_SLICE] = "slice",
        [OOM_OWNER_MACHINE] = "machine",
};

const char *oom_owner_to_string(OomOwner owner) {
        return owner >= 0 && owner < OOM_OWNER_MAX ? oom_owner_names[owner] : NULL;
}

OomOwner oom_owner_from_string(const char *s) {
        for (int i = 0; i < OOM_OWNER_MAX; i++)
                if (oom_owner_names[i] && strcmp(s, oom_owner_names[i]) == 0)
                        return (OomOwner)i;
        return OOM_OWNER_INVALID;
}

int result_add_point(
                Result *result,
                Outcome outcome,
                uint64_t number,
                const char *name,
                const char *reason) {
        if (result->n_points >= RESULT_POINTS_MAX)
                return -E2BIG;

        _cleanup_(result_point_done) ResultPoint point = {
                .outcome = outcome,
                .number = number,
                .name = strdup(name ?: ""),
                .reason = reason ? strdup(reason) : NULL,
        };

        if (!point.name || (reason && !point.reason) ||
            array_fit(result->points, result->n_points + 1) < 0)
                return -ENOMEM;
        result->points[result->n_points++] = point;
        point = (ResultPoint){};
        return 0;
}

char **result_find_stuck_short(char *const *stuck) {
        char **lines = calloc(strv_length(stuck) + 1, sizeof(char *));
        size_t n = 0;

        if (!lines)
                return NULL;
        strv_for_each(line, stuck)
                if ((*line)[0] != ' ')
                        lines[n++] = *line;
        return lines;
}

int result_set_reason(Result *result, const char *format, ...) {
        _cleanup_free_ char *reason = NULL;
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(&reason, format, ap);
        va_end(ap);
        if (n < 0) {
                (void)TAKE_PTR(reason); /* undefined after a failure */
                return -ENOMEM;
        }

        /* Reasons often quote a test: "Bail out! …" */
        char *escaped = text_escape(reason, (size_t)n);

        if (!escaped)
                return -ENOMEM;
        free(result->reason);
        result->reason = escaped;
        return 0;
}
