/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a suite file to a suite
 *
 * First the tests of its From= lines in their order, then its [Test] sections, then the [Match] sections in
 * their order over all of them. Every mistake is reported with where it stands; with any, there is no suite.
 */

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/suite-file.h"

typedef struct Builder {
        SuiteFile file;
        Suite *suite; /* weak: the file's, which begins with its [Test] sections */
        Test *defaults;
        LoadProblems *problems; /* weak: the caller's */
} Builder;

static void builder_done(Builder *builder) {
        suite_file_done(&builder->file);
        test_free(builder->defaults);
}

static int builder_set_defaults(Builder *builder, const LoadOptions *options) {
        int r;

        r = test_new("_", &builder->defaults);
        if (r < 0)
                return r;
        r = spec_apply(builder->file.defaults, builder->defaults);
        if (r < 0)
                return r;
        if (options->timeout_usec > 0)
                builder->defaults->timeout_usec = options->timeout_usec;
        return 0;
}

static int builder_set_suite(Builder *builder, const char *name) {
        SuiteFile *file = &builder->file;
        _cleanup_free_ char *clean = NULL;
        int r;

        r = suite_name_sanitize(name, &clean);
        if (r < 0)
                return r;
        builder->suite = file->tests;
        free(builder->suite->name);
        builder->suite->name = TAKE_PTR(clean);
        builder->suite->settings = file->settings;
        file->settings.worker_user = NULL; /* moved */
        builder->suite->description = TAKE_PTR(file->description);
        builder->suite->path = strdup(file->path);
        return builder->suite->path ? 0 : -ENOMEM;
}

/* ---- From= ---- */

/* A listing that brings nothing is a gap that nobody would see: a package that is not installed, say. */
static int builder_note_empty(
                Builder *builder, const SourceContext *context, const SuiteFrom *from) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = source_new_test(context, from->value, &test);
        if (r < 0)
                return r;
        test->line = from->line;
        test->source = strdup(from->path);
        if (!test->source)
                return -ENOMEM;
        r = text_setf(&test->load_error, "there are no tests in %s", from->target);
        return r < 0 ? r : suite_add(builder->suite, TAKE_PTR(test));
}

static int builder_add_from(Builder *builder, const SuiteFrom *from) {
        SourceContext context = {
                .suite = builder->suite,
                .defaults = builder->defaults,
                .problems = builder->problems,
        };
        size_t first = builder->suite->n_tests;
        int r;

        r = source_load_contained(&context, from->source, from->value, from->target);
        if (r < 0)
                return r;
        if (builder->suite->n_tests == first && !builder->suite->settings.allow_no_tests)
                return builder_note_empty(builder, &context, from);
        return 0;
}

/* ---- [Test] ---- */

static int spec_find_program(Builder *builder, const Spec *spec, Test *test) {
        _cleanup_free_ char *program = NULL;
        const char *name = test->argv[0];
        int r;

        r = source_find_program(name, &program);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return problems_add(
                                builder->problems,
                                spec->exec_path,
                                spec->exec_line,
                                "the program %s of [Test %s] %s",
                                name,
                                spec->name,
                                r != -ENOENT ? "cannot be executed; is it a file with its x bit set?" :
                                                strchr(name, '/') ?
                                               "does not exist" :
                                               "is not in $PATH; write a path to it, or install it");
        free(test->argv[0]);
        test->argv[0] = TAKE_PTR(program);
        return 0;
}

/* Makes the test that a section means of what it says. */
static int builder_finish_test(Builder *builder, size_t i) {
        SourceContext context = { .suite = builder->suite, .defaults = builder->defaults };
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = suite_file_get_spec(&builder->file, i, &spec);
        if (r < 0)
                return r;
        if (!spec->values->argv)
                return problems_add(
                                builder->problems,
                                spec->path,
                                spec->line,
                                "[Test %s] has no Exec; it names the program to run",
                                spec->name);

        r = source_new_test(&context, spec->name, &test);
        if (r >= 0)
                r = spec_apply(spec, test);
        if (r < 0)
                return r;

        test->argv = TAKE_PTR(spec->values->argv);
        test->source = strdup(spec->path);
        test->line = spec->line;
        if (!test->source)
                return -ENOMEM;
        r = spec_find_program(builder, spec, test);
        return r < 0 ? r : suite_replace(builder->suite, i, test);
}

/* ---- [Match] ---- */

/* The address itself, or a glob in which * matches '/' too. */
static bool glob_matches(const char *glob, const char *address) {
        return strcmp(glob, address) == 0 || fnmatch(glob, address, 0) == 0;
}

static int builder_apply_match(Builder *builder, const Spec *spec) {
        bool matched = false;

        for (size_t i = 0; i < builder->suite->n_tests; i++) {
                _cleanup_(test_freep) Test *test = NULL;
                int r;

                if (!glob_matches(spec->name, builder->suite->tests[i]->address))
                        continue;
                matched = true;

                r = packed_test_unpack(builder->suite->tests[i], &test);
                if (r >= 0)
                        r = spec_apply(spec, test);
                if (r >= 0)
                        r = suite_replace(builder->suite, i, test);
                if (r < 0)
                        return r;
        }
        if (matched)
                return 0;
        return problems_add(
                        builder->problems,
                        spec->path,
                        spec->line,
                        "[Match %s] matches no test; \"ptest list\" prints the addresses",
                        spec->name);
}

/* ---- The whole ---- */

static int builder_on_duplicate(const PackedTest *first, const PackedTest *second, void *userdata) {
        Builder *builder = userdata;

        if (first->line > 0)
                return problems_add(
                                builder->problems,
                                second->source,
                                second->line,
                                "the address %s is there already, at %s:%u; give one of them another name",
                                second->address,
                                first->source,
                                first->line);
        return problems_add(
                        builder->problems,
                        second->source,
                        second->line,
                        "the address %s is there already, from %s; rename it, or make two suites of them",
                        second->address,
                        first->source);
}

static int builder_build(Builder *builder) {
        const SuiteFile *file = &builder->file;
        size_t n_sections = builder->suite->n_tests;
        int r;

        for (size_t i = 0; i < file->n_from; i++) {
                r = builder_add_from(builder, &file->from[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n_sections; i++) {
                r = builder_finish_test(builder, i);
                if (r < 0)
                        return r;
        }
        suite_rotate(builder->suite, n_sections);

        r = source_find_duplicates(builder->suite, builder_on_duplicate, builder);
        if (r < 0)
                return r;

        /* A [Match] for a test whose own section is wrong would only be one more line about the same mistake. */
        if (problems_count(builder->problems) > 0)
                return 0;
        for (size_t i = 0; i < file->n_matches; i++) {
                r = builder_apply_match(builder, file->matches[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int suite_file_load(
                const char *path,
                const char *name,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems) {
        _cleanup_(builder_done) Builder builder = { .problems = problems };
        int r;

        r = suite_file_read(&builder.file, path, problems);
        if (r >= 0)
                r = builder_set_defaults(&builder, options);
        if (r >= 0)
                r = builder_set_suite(&builder, name);
        if (r >= 0)
                r = builder_build(&builder);
        if (r < 0)
                return r;
        if (problems_count(problems) > 0)
                return -EINVAL;

        suite_multiply_timeouts(
                        builder.suite,
                        builder.suite->settings.timeout_multiplier * options->timeout_multiplier);
        *ret = TAKE_PTR(builder.file.tests);
        return 0;
}
