/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A directory of executables
 *
 * Every executable regular file (or link to one) of the directory and of those below it is a test by exit
 * status, in the order of their paths. What begins with a dot is left out, and so is what cannot be
 * executed: README files and data live beside tests. A link to nowhere, and a directory that cannot be read,
 * may have been tests: each is a failed one. A directory without any is a suite without tests; what that
 * means is decided by who runs it.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/listing.h"
#include "loader/source.h"

static bool source_directory_recognise(const char *path) {
        return path_is_directory(path);
}

static int source_directory_name(const char *path, char **ret) {
        return suite_name_sanitize(path_basename(path), ret);
}

static bool directory_accepts(const char *name, mode_t mode) {
        return *name != '.' && (S_ISDIR(mode) || S_ISLNK(mode) || (S_ISREG(mode) && (mode & 0111)));
}

static int directory_check(Test *test) {
        struct stat st;

        if (stat(test->source, &st) < 0)
                return text_setf(
                                &test->load_error,
                                "%s: %s",
                                test->source,
                                errno == ENOENT ? "a link to nowhere" : strerror(errno));
        if (S_ISDIR(st.st_mode))
                return text_setf(
                                &test->load_error,
                                "%s: this directory cannot be read",
                                test->source);
        return 0;
}

static int directory_add(SourceContext *context, const char *root, const char *relative) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = source_new_test(context, relative, &test);
        if (r < 0)
                return r;
        r = path_join(root, relative, &test->source);
        if (r < 0)
                return r;
        r = strv_extend(&test->argv, test->source);
        if (r < 0)
                return r;
        r = directory_check(test);
        if (r < 0)
                return r;
        return suite_add(context->suite, TAKE_PTR(test));
}

static int source_directory_load(SourceContext *context, const char *path) {
        _cleanup_strv_ char **found = NULL;
        size_t first = context->suite->n_tests;
        int r;

        r = listing_find(path, directory_accepts, SUITE_TESTS_MAX, &found, context->problems);
        if (r < 0)
                return r;

        strv_for_each(relative, found) {
                r = directory_add(context, path, *relative);
                if (r < 0)
                        return r;
        }
        return source_make_addresses_unique(context->suite, first);
}

const Source source_directory = {
        .name = "directory",
        .recognise = source_directory_recognise,
        .name_suite = source_directory_name,
        .load = source_directory_load,
};
