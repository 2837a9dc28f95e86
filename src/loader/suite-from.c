/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From= of suite files: where else tests come from
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "basic/array.h"
#include "basic/file.h"
#include "loader/suite-keys.h"

void suite_from_done(SuiteFrom *from) {
        free(from->value);
        free(from->target);
        free(from->path);
        *from = (SuiteFrom){};
}

static int from_init(SuiteFrom *from, const SuiteFile *file, const KeyfileLine *line) {
        const char *colon = strchr(line->value, ':');
        _cleanup_free_ char *joined = NULL;
        int r;

        if (!colon || !colon[1])
                return -EINVAL;
        from->source = source_find_by_name(line->value, (size_t)(colon - line->value));
        if (!from->source)
                return -EINVAL;

        r = path_join(file->directory, colon + 1, &joined);
        if (r >= 0)
                r = path_make_absolute(joined, &from->target);
        if (r < 0)
                return r;
        from->line = line->line;
        from->value = strdup(line->value);
        from->path = strdup(line->path);
        return from->value && from->path ? 0 : -ENOMEM;
}

int suite_file_set_from(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_(suite_from_done) SuiteFrom from = {};
        int r;

        if (!*line->value) {
                while (file->n_from > 0)
                        suite_from_done(&file->from[--file->n_from]);
                return 0;
        }
        if (file->n_from >= SUITE_FILE_FROM_MAX)
                return -ERANGE;
        r = from_init(&from, file, line);
        if (r < 0)
                return r;
        r = array_fit(file->from, file->n_from + 1);
        if (r < 0)
                return r;
        file->from[file->n_from++] = from;
        from = (SuiteFrom){};
        return 0;
}
