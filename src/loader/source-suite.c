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
#include "loader/suite-builder.h"

static void builder_done(SuiteBuilder *builder) {
        suite_file_done(&builder->file);
        test_free(builder->defaults);
        free(builder->matched);
}

static int builder_set_defaults(SuiteBuilder *builder, const LoadOptions *options) {
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

static int builder_set_suite(SuiteBuilder *builder, const char *name) {
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
        file->settings.worker_user = file->settings.worker_user_place = NULL; /* moved */
        file->settings.worker_set_up = NULL;
        builder->suite->description = TAKE_PTR(file->description);
        builder->suite->path = strdup(file->path);
        return builder->suite->path ? 0 : -ENOMEM;
}

/* ---- From= ---- */

/* A listing that brings nothing is a gap that nobody would see: a package that is not installed, say. */
static int builder_note_empty(
                SuiteBuilder *builder, const SourceContext *context, const SuiteFrom *from) {
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

static int builder_add_from(SuiteBuilder *builder, const SuiteFrom *from) {
        SourceContext context = {
                .options = builder->options,
                .suite = builder->suite,
                .defaults = builder->defaults,
                .problems = builder->problems,
        };
        size_t first = builder->suite->n_tests;
        int r;

        r = source_load_contained(&context, from->source, from->value, from->target);
        if (r < 0)
                return r;
        if (builder->suite->n_tests == first + 1 &&
            packed_test_get_load_error(builder->suite->tests[first]))
                builder->has_gap = true;
        if (builder->suite->n_tests == first && !builder->suite->settings.allow_no_tests)
                return builder_note_empty(builder, &context, from);
        return 0;
}

/* ---- [Test] ---- */

int builder_find_program(SuiteBuilder *builder, const Spec *spec, char **argv) {
        _cleanup_free_ char *program = NULL;
        const char *name = argv[0];
        int r;

        r = source_find_program(name, &program);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return problems_add(
                                builder->problems,
                                spec->exec_path,
                                spec->exec_line,
                                "the program %s of [%s %s] %s",
                                name,
                                spec->kind == SPEC_CONTEXT ? "Context" : "Test",
                                spec->name,
                                r != -ENOENT ? "cannot be executed; is it a file with its x bit set?" :
                                                strchr(name, '/') ?
                                               "does not exist" :
                                               "is not in $PATH; write a path to it, or install it");
        free(argv[0]);
        argv[0] = TAKE_PTR(program);
        return 0;
}

/* Where it is written is looked for only if it has to be said. */
static int builder_find_found_program(SuiteBuilder *builder, size_t i, Spec *spec, char **argv) {
        _cleanup_free_ char *program = NULL;
        const FoundNote *note;
        int r;

        r = source_find_program(argv[0], &program);
        if (r >= 0) {
                free(argv[0]);
                argv[0] = TAKE_PTR(program);
                return 0;
        }
        note = suite_file_get_found_note(&builder->file, i);
        if (note) {
                spec->exec_path = note->path;
                spec->exec_line = note->line;
        }
        return builder_find_program(builder, spec, argv);
}

/* Makes the test that a section means of what it says. */
static int builder_finish_test(SuiteBuilder *builder, size_t i) {
        SourceContext context = { .suite = builder->suite, .defaults = builder->defaults };
        _cleanup_(spec_freep) Spec *spec = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = suite_file_get_spec(&builder->file, i, &spec);
        if (r < 0)
                return r;
        /* What is wrong with the one that it has was said. */
        if (!spec->values->argv && spec->exec_line > 0)
                return 0;
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
        r = builder_find_program(builder, spec, test->argv);
        if (r >= 0 && spec->values->found_argv) {
                test->finds = true;
                test->found_argv = TAKE_PTR(spec->values->found_argv);
                r = builder_find_found_program(builder, i, spec, test->found_argv);
        }
        return r < 0 ? r : suite_replace(builder->suite, i, test);
}

/* ---- [Match] ---- */

/* The address itself, or a glob in which * matches '/' too. */
static bool glob_matches(const char *glob, const char *address) {
        return strcmp(glob, address) == 0 || fnmatch(glob, address, 0) == 0;
}

/* What a test of a module has from elsewhere, or what is true of more than that test. */
static int builder_match_module(
                SuiteBuilder *builder, const Spec *spec, MatchedTest *matched, Test *test) {
        const uint32_t own = test->context;
        int r;

        if (spec->given & SPEC_PROTOCOL)
                return problems_add(
                                builder->problems,
                                spec->path,
                                spec->line,
                                "[Match %s] gives a Protocol to %s, which is called in a module and has none",
                                spec->name,
                                test->address);
        r = spec_apply(spec, test);
        if (r < 0)
                return r;
        if (spec->given & SPEC_ISOLATION)
                matched->isolation = true;
        if (!(spec->given & SPEC_CONTEXT_NAME) || own <= builder->file.n_contexts)
                return 0;
        /* The module's own contexts stay around it: all of them go into that one. */
        matched->outer = spec;
        test->context = own;
        return 0;
}

/* Position i counts the tests, then the templates. */
static int builder_match_one(SuiteBuilder *builder, const Spec *spec, size_t i) {
        Suite *suite = builder->suite;
        PackedTest **place = i < suite->n_tests ? &suite->tests[i] :
                                                  &suite->templates[i - suite->n_tests];
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = packed_test_unpack(*place, &test);
        if (r < 0)
                return r;
        if (test->protocol == TEST_PROTOCOL_MODULE)
                r = builder_match_module(builder, spec, &builder->matched[i], test);
        else
                r = spec_apply(spec, test);
        return r < 0 ? r : test_store_replace(suite->store, test, place);
}

static int builder_apply_match(SuiteBuilder *builder, const Spec *spec) {
        const Suite *suite = builder->suite;
        bool matched = false;

        for (size_t i = 0; i < suite->n_tests + suite->n_templates; i++) {
                const PackedTest *packed = i < suite->n_tests ?
                                suite->tests[i] :
                                suite->templates[i - suite->n_tests];
                int r;

                if (!glob_matches(spec->name, packed->address))
                        continue;
                matched = true;
                r = builder_match_one(builder, spec, i);
                if (r < 0)
                        return r;
        }
        /* It may be meant for what could not be listed, which is a failed test already. */
        if (matched || builder->has_gap)
                return 0;
        return problems_add(
                        builder->problems,
                        spec->path,
                        spec->line,
                        "[Match %s] matches no test; \"ptest list\" prints the addresses",
                        spec->name);
}

static int builder_apply_matches(SuiteBuilder *builder) {
        const SuiteFile *file = &builder->file;

        builder->matched = calloc(
                        builder->suite->n_tests + builder->suite->n_templates + 1,
                        sizeof(MatchedTest));
        if (!builder->matched)
                return -ENOMEM;
        for (size_t i = 0; i < file->n_matches; i++) {
                int r = builder_apply_match(builder, file->matches[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- The whole ---- */

static int builder_on_duplicate(const PackedTest *first, const PackedTest *second, void *userdata) {
        SuiteBuilder *builder = userdata;

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

static int builder_build(SuiteBuilder *builder) {
        const SuiteFile *file = &builder->file;
        size_t n_sections = builder->suite->n_tests;
        int r;

        /* Their numbers in the suite are those in the file. */
        r = builder_add_contexts(builder);
        for (size_t i = 0; i < file->n_from && r >= 0; i++)
                r = builder_add_from(builder, &file->from[i]);
        for (size_t i = 0; i < n_sections && r >= 0; i++)
                r = builder_finish_test(builder, i);
        if (r < 0)
                return r;
        suite_rotate(builder->suite, n_sections);

        r = source_find_duplicates(builder->suite, builder_on_duplicate, builder);
        if (r < 0)
                return r;

        /* A [Match] for a test whose own section is wrong would only be one more line about the same mistake. */
        if (problems_count(builder->problems) > 0)
                return builder_name_missing_contexts(builder);
        r = builder_apply_matches(builder);
        return r < 0 ? r : builder_finish_contexts(builder);
}

int suite_file_load(
                const char *path,
                const char *name,
                const LoadOptions *options,
                Suite **ret,
                LoadProblems *problems) {
        _cleanup_(builder_done) SuiteBuilder builder = { .options = options, .problems = problems };
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

        suite_file_resolve_limits(&builder.file, builder.suite);
        r = suite_file_resolve_private(&builder.file, builder.suite);
        if (r < 0)
                return r;
        if (problems_count(problems) > 0)
                return -EINVAL;
        suite_set_isolation(builder.suite, options->isolation);
        suite_multiply_timeouts(
                        builder.suite,
                        builder.suite->settings.timeout_multiplier * options->timeout_multiplier);
        *ret = TAKE_PTR(builder.file.tests);
        return 0;
}
