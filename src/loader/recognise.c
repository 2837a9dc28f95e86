/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a target on the command line is
 *
 * A word without a slash is first the name of a suite file in the search path, so that a service gets the
 * same suite in every working directory. Otherwise it is a path, and what is there decides.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/loader.h"
#include "loader/source.h"

#define SUFFIX ".suite"

static const char *const default_search_path[] = {
        "/etc/ptest", "/run/ptest", "/usr/local/lib/ptest", "/usr/lib/ptest", NULL,
};

char *const *loader_get_search_path(void) {
        /* Kept with the text that it was made from: the environment may change under a test. */
        static char **path, *made_from;
        const char *variable = getenv("PTEST_SUITE_PATH");

        if (!variable || !*variable)
                return (char *const *)default_search_path;
        if (made_from && strcmp(made_from, variable) == 0)
                return path;

        _cleanup_strv_ char **split = NULL;
        _cleanup_free_ char *copy = strdup(variable);
        if (!copy || strv_split(variable, ":", &split) < 0)
                return (char *const *)default_search_path;
        strv_free(path);
        free(made_from);
        path = TAKE_PTR(split);
        made_from = TAKE_PTR(copy);
        return path;
}

static int find_in_search_path(const char *name, char **ret) {
        strv_for_each(directory, loader_get_search_path()) {
                _cleanup_free_ char *base = NULL, *relative = NULL, *path = NULL;
                int r;

                r = path_join(*directory, name, &base);
                if (r >= 0)
                        r = text_setf(&relative, "%s" SUFFIX, base);
                if (r >= 0)
                        r = path_make_absolute(relative, &path);
                if (r < 0)
                        return r;
                if (access(path, F_OK) >= 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return -ENOENT;
}

static int load_file(
                const char *path, const LoadOptions *options, Suite **ret, LoadProblems *problems) {
        const char *base = path_basename(path);
        _cleanup_free_ char *name = strndup(base, strlen(base) - strlen(SUFFIX));

        return name ? suite_file_load(path, name, options, ret, problems) : -ENOMEM;
}

static int load_source(
                const Source *source,
                const char *path,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems) {
        _cleanup_(suite_freep) Suite *suite = NULL;
        _cleanup_(test_freep) Test *defaults = NULL;
        _cleanup_free_ char *name = NULL;
        int r;

        r = source->name_suite(path, &name);
        if (r >= 0)
                r = suite_new(name, &suite);
        if (r >= 0)
                r = test_new("_", &defaults);
        if (r < 0)
                return r;
        suite->path = strdup(path);
        if (!suite->path)
                return -ENOMEM;
        if (options->timeout_usec > 0)
                defaults->timeout_usec = options->timeout_usec;

        SourceContext context = {
                .options = options,
                .suite = suite,
                .defaults = defaults,
                .problems = problems,
        };
        /* One that cannot be loaded is a test that fails. */
        if (source == &source_module)
                r = source_load_contained(&context, source, path_basename(path), path);
        else
                r = source->load(&context, path);
        if (r < 0)
                return r;
        suite_set_isolation(suite, options->isolation);
        suite_multiply_timeouts(suite, options->timeout_multiplier);
        *ret = TAKE_PTR(suite);
        return 0;
}

/* ---- What is not a suite ---- */

static int refuse(LoadProblems *problems, const char *target, int error, const char *text) {
        int r = problems_add(problems, target, 0, "%s", text);

        return r < 0 ? r : error;
}

static int refuse_missing(const char *target, LoadProblems *problems) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (strchr(target, '/'))
                return refuse(problems, target, -ENOENT, "there is no such file or directory");

        path = strv_join(loader_get_search_path(), ", ");
        r = problems_add(
                        problems,
                        target,
                        0,
                        "there is no %s" SUFFIX
                        " in %s, nor a file or directory of that name here%s",
                        target,
                        path ? path : "the search path",
                        strstr(target, "\\x") ?
                                        "; names are taken as they are: systemd-escape is not for them" :
                                        "");
        return r < 0 ? r : -ENOENT;
}

static bool is_meson_source(const char *path) {
        _cleanup_free_ char *file = NULL;

        return path_join(path, "meson.build", &file) >= 0 && access(file, F_OK) >= 0;
}

static int load_path(
                const char *target,
                const char *path,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems) {
        const Source *source;
        struct stat st;

        if (stat(path, &st) < 0)
                return refuse(problems, target, -errno, strerror(errno));
        if (!S_ISDIR(st.st_mode)) {
                if (text_ends_with(path, SUFFIX) && strlen(path_basename(path)) > strlen(SUFFIX))
                        return load_file(path, options, ret, problems);
                if (!source_module.recognise(path))
                        return refuse(problems,
                                      target,
                                      -EINVAL,
                                      "neither a suite file, whose name would end in " SUFFIX
                                      ", nor a test module, which would be a shared object");
        }

        source = source_find_by_path(path);
        if (!source)
                return refuse(problems, target, -EINVAL, "nothing that can be listed is there");
        if (source == &source_directory && is_meson_source(path))
                return refuse(problems,
                              target,
                              -EINVAL,
                              "this is the source of a meson project; give its build directory");
        return load_source(source, path, options, ret, problems);
}

int loader_load(const char *target,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems) {
        _cleanup_free_ char *path = NULL;
        int r = -ENOENT;

        if (!*target)
                return refuse(problems, "\"\"", -EINVAL, "the name of a suite is empty");

        if (!strchr(target, '/')) {
                r = find_in_search_path(target, &path);
                if (r >= 0)
                        return load_file(path, options, ret, problems);
        }
        if (r != -ENOENT)
                return r;
        if (access(target, F_OK) < 0 && errno == ENOENT)
                return refuse_missing(target, problems);

        r = path_make_absolute(target, &path);
        if (r >= 0 && strcmp(path_basename(path), "..") == 0) {
                /* A suite has the name of its directory. */
                free(path);
                path = realpath(target, NULL);
                if (!path)
                        return refuse(problems, target, -errno, strerror(errno));
        }
        return r < 0 ? r : load_path(target, path, options, ret, problems);
}
