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
                                "the program %s of [%s %s] %s",
                                name,
                                spec->kind == SPEC_CONTEXT ? "Context" : "Test",
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

/* ---- [Context] ---- */

static int builder_check_contexts(Builder *builder) {
        const SuiteFile *file = &builder->file;
        const Suite *suite = builder->suite;
        const Spec *spec;
        uint32_t number;
        ContextProblem problem;

        for (size_t i = 0; i < file->n_contexts; i++) {
                int r;

                spec = file->contexts[i]->spec;
                if (file->contexts[i]->section_path)
                        continue;
                r = problems_add(
                                builder->problems,
                                spec->path,
                                spec->line,
                                "there is no [Context %s]; write that section, or another name",
                                spec->name);
                if (r < 0)
                        return r;
        }
        problem = contexts_check(suite->contexts, suite->n_contexts, &number);
        if (problem == CONTEXT_GOOD || problems_count(builder->problems) > 0)
                return 0;
        spec = file->contexts[number - 1]->spec;
        return problems_add(
                        builder->problems,
                        spec->path,
                        spec->line,
                        problem == CONTEXT_IS_CYCLE ?
                                        "[Context %s] is nested in itself; leave out one Context=" :
                                        "[Context %s] is shared and nested in a split one, which each worker sets up for itself; make it split too, or nest it in none",
                        spec->name);
}

/* The environment of a context and of all that it is nested in, outermost first. */
static int builder_add_context_env(const Builder *builder, uint32_t number, Test *test) {
        const ContextSpec *context;
        int r;

        if (number == CONTEXT_NONE)
                return 0;
        context = builder->file.contexts[number - 1];
        r = builder_add_context_env(builder, context->parent, test);
        for (size_t i = 0; i < context->spec->values->n_env && r >= 0; i++) {
                const EnvOp *op = &context->spec->values->env[i];

                r = test_add_env(test, op->kind, op->name, op->value, op->separator);
        }
        return r;
}

static int builder_make_fixture(
                Builder *builder,
                uint32_t number,
                const char *what,
                FixtureSpec *spec,
                Test **ret) {
        SourceContext source = { .suite = builder->suite, .defaults = builder->defaults };
        const Spec *section = builder->file.contexts[number - 1]->spec;
        _cleanup_free_ char *address = NULL;
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        if (!spec->argv)
                return 0;
        r = text_setf(&address, "%s (%s)", section->name, what);
        if (r >= 0)
                r = source_new_test(&source, address, &test);
        if (r >= 0)
                r = builder_add_context_env(builder, number, test);
        if (r >= 0 && section->values->workdir)
                r = text_setf(&test->workdir, "%s", section->values->workdir);
        if (r < 0)
                return r;
        if (spec->timeout_usec > 0)
                test->timeout_usec = spec->timeout_usec;
        test->argv = TAKE_PTR(spec->argv);
        r = spec_find_program(
                        builder,
                        &(Spec){ .name = section->name,
                                 .kind = SPEC_CONTEXT,
                                 .exec_path = spec->path,
                                 .exec_line = spec->line },
                        test);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(test);
        return 0;
}

static int builder_add_context(Builder *builder, uint32_t number) {
        ContextSpec *spec = builder->file.contexts[number - 1];
        _cleanup_(context_freep) Context *context = NULL;
        int r;

        r = context_new(spec->spec->name, &context);
        if (r >= 0)
                r = builder_make_fixture(
                                builder, number, "set-up", &spec->set_up, &context->set_up);
        if (r >= 0)
                r = builder_make_fixture(
                                builder,
                                number,
                                "tear-down",
                                &spec->tear_down,
                                &context->tear_down);
        if (r >= 0)
                r = text_setf(&context->source, "%s", spec->spec->path);
        if (r >= 0 && spec->spec->values->description)
                r = text_setf(&context->description, "%s", spec->spec->values->description);
        if (r < 0)
                return r;
        context->line = spec->spec->line;
        context->parent = spec->parent;
        context->mode = spec->mode;
        context->exclusive = spec->spec->values->exclusive;
        return suite_add_context(builder->suite, TAKE_PTR(context));
}

/* Before its own changes, behind those of the suite: what a test says itself comes last. */
static int builder_insert_context_env(Builder *builder, Test *test) {
        _cleanup_(test_freep) Test *changed = NULL;
        size_t n_defaults = MIN(builder->defaults->n_env, test->n_env);
        int r;

        r = test_new(test->address, &changed);
        for (size_t i = 0; i <= test->n_env && r >= 0; i++) {
                if (i == n_defaults)
                        r = builder_add_context_env(builder, test->context, changed);
                if (r >= 0 && i < test->n_env)
                        r = test_add_env(
                                        changed,
                                        test->env[i].kind,
                                        test->env[i].name,
                                        test->env[i].value,
                                        test->env[i].separator);
        }
        if (r < 0)
                return r;

        EnvOp *env = test->env;
        size_t n_env = test->n_env;

        test->env = changed->env;
        test->n_env = changed->n_env;
        changed->env = env;
        changed->n_env = n_env;
        return 0;
}

static int builder_finish_contexts(Builder *builder) {
        int r;

        for (uint32_t i = 1; i <= builder->file.n_contexts; i++) {
                r = builder_add_context(builder, i);
                if (r < 0)
                        return r;
        }
        r = builder_check_contexts(builder);
        if (r < 0 || problems_count(builder->problems) > 0 || builder->file.n_contexts == 0)
                return r;
        for (size_t i = 0; i < builder->suite->n_tests; i++) {
                _cleanup_(test_freep) Test *test = NULL;

                if (builder->suite->tests[i]->traits->context == CONTEXT_NONE)
                        continue;
                r = packed_test_unpack(builder->suite->tests[i], &test);
                if (r >= 0)
                        r = builder_insert_context_env(builder, test);
                if (r >= 0)
                        r = suite_replace(builder->suite, i, test);
                if (r < 0)
                        return r;
        }
        return 0;
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
        return builder_finish_contexts(builder);
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
