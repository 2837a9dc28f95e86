/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Commands in suite files: of tests, and of fixtures
 */

#include <errno.h>
#include <string.h>

#include "basic/array.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "loader/suite-keys.h"

/*
 * The program as a path where there is one, so that the test needs no more room later. Whether it can be run is
 * looked at in the end: a drop-in may name another.
 */
static int program_resolve(const SuiteFile *file, char **program) {
        _cleanup_free_ char *joined = NULL, *path = NULL;
        int r;

        if (!strchr(*program, '/'))
                r = path_find_program(*program, &path);
        else {
                r = path_join(file->directory, *program, &joined);
                if (r >= 0)
                        r = path_make_absolute(joined, &path);
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;
        free(*program);
        *program = TAKE_PTR(path);
        return 0;
}

static int command_parse(const SuiteFile *file, const char *value, char ***ret) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = strv_split_words(value, &argv);
        if (r < 0)
                return r;
        if (argv && !*argv[0])
                return -EINVAL;
        r = argv ? program_resolve(file, &argv[0]) : 0;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

int suite_file_set_exec(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = command_parse(file, line->value, &argv);
        /* Also if it is wrong, so that nobody says that there is none; an empty one counts as none. */
        spec->exec_line = r < 0 || argv ? line->line : 0;
        spec->exec_path = file->paths[strv_length(file->paths) - 1];
        if (r < 0)
                return r;

        strv_free(spec->values->argv);
        spec->values->argv = TAKE_PTR(argv);
        return 0;
}

int suite_file_set_found_exec(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = command_parse(file, line->value, &argv);
        if (r < 0)
                return r;
        spec->values->finds = argv;
        strv_free(spec->values->found_argv);
        spec->values->found_argv = TAKE_PTR(argv);

        r = array_fit(file->found_notes, file->n_found_notes + 1);
        if (r < 0)
                return r;
        file->found_notes[file->n_found_notes++] = (FoundNote){
                .test = file->open_at,
                .path = file->paths[strv_length(file->paths) - 1],
                .line = line->line,
        };
        return 0;
}

static int fixture_set(SuiteFile *file, FixtureSpec *fixture, const KeyfileLine *line) {
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = command_parse(file, line->value, &argv);
        if (r < 0)
                return r;
        strv_free(fixture->argv);
        fixture->argv = TAKE_PTR(argv);
        fixture->line = line->line;
        fixture->path = file->paths[strv_length(file->paths) - 1];
        return 0;
}

int suite_file_set_set_up(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return fixture_set(file, &spec->context->set_up, line);
}

int suite_file_set_tear_down(SuiteFile *file, Spec *spec, const KeyfileLine *line) {
        return fixture_set(file, &spec->context->tear_down, line);
}
