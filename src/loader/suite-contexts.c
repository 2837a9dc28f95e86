/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The contexts of a suite file, and what they say of the tests in them
 *
 * Its own contexts come first in the suite, so that their numbers there are those in the file. Behind them are those of
 * modules, which may be put into one of the file, as wholes: a fixture that is set up once in a process
 * has one place and one environment.
 */

#include <errno.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "loader/suite-builder.h"

static bool builder_owns_context(const SuiteBuilder *builder, uint32_t number) {
        return number != CONTEXT_NONE && number <= builder->file.n_contexts;
}

/* ---- Those of the file ---- */

/* The environment of a context and of all that it is nested in, outermost first. */
static int builder_add_context_env(const SuiteBuilder *builder, uint32_t number, Test *test) {
        const ContextSpec *context;
        int r;

        if (number == CONTEXT_NONE)
                return 0;
        if (!builder_owns_context(builder, number))
                return builder_add_context_env(
                                builder, builder->suite->contexts[number - 1]->parent, test);
        context = builder->file.contexts[number - 1];
        r = builder_add_context_env(builder, context->parent, test);
        for (size_t i = 0; i < context->spec->values->n_env && r >= 0; i++) {
                const EnvOp *op = &context->spec->values->env[i];

                r = test_add_env(test, op->kind, op->name, op->value, op->separator);
        }
        return r;
}

static int builder_make_fixture(
                SuiteBuilder *builder,
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
        if (r >= 0 && section->values->workdir)
                r = text_setf(&test->workdir, "%s", section->values->workdir);
        if (r < 0)
                return r;
        if (spec->timeout_usec > 0)
                test->timeout_usec = spec->timeout_usec;
        test->argv = TAKE_PTR(spec->argv);
        r = builder_find_program(
                        builder,
                        &(Spec){ .name = section->name,
                                 .kind = SPEC_CONTEXT,
                                 .exec_path = spec->path,
                                 .exec_line = spec->line },
                        test->argv);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(test);
        return 0;
}

static int builder_add_context(SuiteBuilder *builder, uint32_t number) {
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

int builder_add_contexts(SuiteBuilder *builder) {
        for (uint32_t i = 1; i <= builder->file.n_contexts; i++) {
                int r = builder_add_context(builder, i);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- What can be wrong ---- */

int builder_name_missing_contexts(SuiteBuilder *builder) {
        const SuiteFile *file = &builder->file;

        for (size_t i = 0; i < file->n_contexts; i++) {
                const Spec *spec = file->contexts[i]->spec;
                int r;

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
        return 0;
}

/* A module names its contexts itself, with its own name in front. */
static int builder_name_equal_contexts(SuiteBuilder *builder) {
        Context *const *contexts = builder->suite->contexts;

        for (size_t i = 0; i < builder->file.n_contexts; i++)
                for (size_t j = builder->file.n_contexts; j < builder->suite->n_contexts; j++) {
                        int r;

                        if (strcmp(contexts[i]->name, contexts[j]->name) != 0)
                                continue;
                        r = problems_add(
                                        builder->problems,
                                        contexts[i]->source,
                                        contexts[i]->line,
                                        "[Context %s] has the name of a context of a module, at %s:%u; give it another one",
                                        contexts[i]->name,
                                        contexts[j]->source,
                                        contexts[j]->line);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int builder_check_nesting(SuiteBuilder *builder) {
        const Suite *suite = builder->suite;
        uint32_t number;
        const ContextProblem problem = contexts_check(suite->contexts, suite->n_contexts, &number);
        const Context *context, *split;

        if (problem == CONTEXT_GOOD)
                return 0;
        context = suite->contexts[number - 1];
        if (problem == CONTEXT_IS_CYCLE)
                return problems_add(
                                builder->problems,
                                context->source,
                                context->line,
                                "[Context %s] is nested in itself; leave out one Context=",
                                context->name);
        split = contexts_find_split(suite->contexts, number);
        return problems_add(
                        builder->problems,
                        context->source,
                        context->line,
                        "[Context %s] is " CONTEXT_TEXT_SHARED_IN_SPLIT,
                        context->name,
                        split->name,
                        split->source,
                        split->line);
}

/* ---- Contexts of modules, in those of the file ---- */

static PackedTest **builder_get_place(const SuiteBuilder *builder, size_t i) {
        const Suite *suite = builder->suite;

        return i < suite->n_tests ? &suite->tests[i] : &suite->templates[i - suite->n_tests];
}

/* The outermost context of a module around one of its tests; CONTEXT_NONE: it is in none */
static uint32_t builder_find_top(const SuiteBuilder *builder, uint32_t number) {
        if (number == CONTEXT_NONE || builder_owns_context(builder, number))
                return CONTEXT_NONE;
        for (;;) {
                const uint32_t parent = builder->suite->contexts[number - 1]->parent;

                if (parent == CONTEXT_NONE || builder_owns_context(builder, parent))
                        return number;
                number = parent;
        }
}

static int builder_complain_torn(
                const SuiteBuilder *builder, const Spec *spec, const char *key, uint32_t top) {
        const Context *context = builder->suite->contexts[top - 1];

        return problems_add(
                        builder->problems,
                        spec->path,
                        spec->line,
                        "[Match %s] gives %s to some of the tests in the context %s (%s:%u) and not to all; its fixture is there once for all of them: write a pattern that matches each",
                        spec->name,
                        key,
                        context->name,
                        context->source ? context->source : "?",
                        context->line);
}

/* What one context of a module has become of the tests in it. */
typedef struct Top {
        bool seen;
        bool complained;
        const Spec *outer;
        size_t first; /* the position of a test in it */
} Top;

static int builder_note_outer(SuiteBuilder *builder, Top *tops) {
        const size_t n = builder->suite->n_tests + builder->suite->n_templates;

        for (size_t i = 0; i < n; i++) {
                const PackedTest *packed = *builder_get_place(builder, i);
                const uint32_t number = builder_find_top(builder, packed->traits->context);
                const Spec *outer = builder->matched[i].outer;
                Top *top = &tops[number];

                if (number == CONTEXT_NONE)
                        continue;
                if (!top->seen)
                        *top = (Top){ .seen = true, .outer = outer, .first = i };
                const uint32_t wanted = outer ? outer->values->context : CONTEXT_NONE;
                const uint32_t before = top->outer ? top->outer->values->context : CONTEXT_NONE;

                if (wanted == before || top->complained)
                        continue;
                top->complained = true;

                int r = builder_complain_torn(
                                builder, outer ? outer : top->outer, "a Context", number);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void builder_nest_tops(SuiteBuilder *builder, const Top *tops) {
        for (uint32_t i = 1; i <= builder->suite->n_contexts; i++)
                if (tops[i].outer)
                        builder->suite->contexts[i - 1]->parent = tops[i].outer->values->context;
}

/* ---- What tests and fixtures get from their contexts ---- */

/* Before its own changes, behind those of the suite: what a test says itself comes last. */
static int builder_insert_context_env(SuiteBuilder *builder, uint32_t number, Test *test) {
        _cleanup_(test_freep) Test *changed = NULL;
        size_t n_defaults = MIN(builder->defaults->n_env, test->n_env);
        int r;

        r = test_new(test->address, &changed);
        for (size_t i = 0; i <= test->n_env && r >= 0; i++) {
                if (i == n_defaults)
                        r = builder_add_context_env(builder, number, changed);
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

/* The innermost context of the file that speaks of it, unless a [Match] does. */
static void builder_set_isolation(const SuiteBuilder *builder, size_t i, Test *test) {
        uint32_t number = test->context;

        if (test->protocol != TEST_PROTOCOL_MODULE || builder->matched[i].isolation)
                return;
        for (; number != CONTEXT_NONE; number = builder->suite->contexts[number - 1]->parent) {
                const Spec *spec;

                if (!builder_owns_context(builder, number))
                        continue;
                spec = builder->file.contexts[number - 1]->spec;
                if (!(spec->given & SPEC_ISOLATION))
                        continue;
                test->isolate = spec->values->isolate;
                return;
        }
}

static int builder_finish_in_context(SuiteBuilder *builder, size_t i) {
        PackedTest **place = builder_get_place(builder, i);
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        if ((*place)->traits->context == CONTEXT_NONE)
                return 0;
        r = packed_test_unpack(*place, &test);
        if (r >= 0)
                r = builder_insert_context_env(builder, test->context, test);
        if (r < 0)
                return r;
        builder_set_isolation(builder, i, test);
        return test_store_replace(builder->suite->store, test, place);
}

static bool texts_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool surroundings_equal(const Test *a, const Test *b) {
        if (a->n_env != b->n_env || !texts_equal(a->workdir, b->workdir))
                return false;
        for (size_t i = 0; i < a->n_env; i++) {
                const EnvOp *x = &a->env[i], *y = &b->env[i];

                if (x->kind != y->kind || strcmp(x->name, y->name) != 0 ||
                    strcmp(x->value, y->value) != 0 || !texts_equal(x->separator, y->separator))
                        return false;
        }
        return true;
}

static int surroundings_copy(Test *to, const Test *from) {
        _cleanup_(test_freep) Test *copy = NULL;
        int r = test_new(to->address, &copy);

        for (size_t i = 0; i < from->n_env && r >= 0; i++)
                r = test_add_env(
                                copy,
                                from->env[i].kind,
                                from->env[i].name,
                                from->env[i].value,
                                from->env[i].separator);
        if (r >= 0 && from->workdir)
                r = text_setf(&copy->workdir, "%s", from->workdir);
        if (r < 0)
                return r;

        EnvOp *env = to->env;
        size_t n_env = to->n_env;
        char *workdir = to->workdir;

        to->env = copy->env;
        to->n_env = copy->n_env;
        to->workdir = copy->workdir;
        copy->env = env;
        copy->n_env = n_env;
        copy->workdir = workdir;
        return 0;
}

/* The [Match] that made the difference: the last one that gives what differs. */
static const Spec *builder_find_culprit(const SuiteBuilder *builder) {
        const SuiteFile *file = &builder->file;

        for (size_t i = file->n_matches; i > 0; i--)
                if (file->matches[i - 1]->values->n_env > 0 ||
                    file->matches[i - 1]->values->workdir)
                        return file->matches[i - 1];
        return NULL;
}

/* A module's fixtures run in the process of its tests, so that what surrounds them is the same for all. */
static int builder_check_surroundings(SuiteBuilder *builder, const Top *top, uint32_t number) {
        const size_t n = builder->suite->n_tests + builder->suite->n_templates;
        const Spec *culprit = builder_find_culprit(builder);
        _cleanup_(test_freep) Test *first = NULL;
        int r;

        r = packed_test_unpack(*builder_get_place(builder, top->first), &first);
        for (size_t i = top->first + 1; culprit && i < n && r >= 0; i++) {
                const PackedTest *packed = *builder_get_place(builder, i);
                _cleanup_(test_freep) Test *other = NULL;

                if (builder_find_top(builder, packed->traits->context) != number)
                        continue;
                r = packed_test_unpack(packed, &other);
                if (r >= 0 && !surroundings_equal(first, other))
                        return builder_complain_torn(
                                        builder,
                                        culprit,
                                        "an Environment or a WorkingDirectory",
                                        number);
        }
        for (uint32_t i = 1; i <= builder->suite->n_contexts && r >= 0; i++) {
                Context *context = builder->suite->contexts[i - 1];

                if (builder_find_top(builder, i) != number)
                        continue;
                r = surroundings_copy(context->set_up, first);
                if (r >= 0)
                        r = surroundings_copy(context->tear_down, first);
        }
        return r;
}

/* Those of the file's own fixtures, which are programs. */
static int builder_finish_fixtures(SuiteBuilder *builder) {
        int r = 0;

        for (uint32_t i = 1; i <= builder->file.n_contexts && r >= 0; i++) {
                Context *context = builder->suite->contexts[i - 1];

                if (context->set_up)
                        r = builder_insert_context_env(builder, i, context->set_up);
                if (r >= 0 && context->tear_down)
                        r = builder_insert_context_env(builder, i, context->tear_down);
        }
        return r;
}

/* ---- The whole ---- */

int builder_finish_contexts(SuiteBuilder *builder) {
        const Suite *suite = builder->suite;
        _cleanup_free_ Top *tops = calloc(suite->n_contexts + 1, sizeof(Top));
        int r;

        if (!tops)
                return -ENOMEM;
        r = builder_name_missing_contexts(builder);
        if (r >= 0)
                r = builder_name_equal_contexts(builder);
        if (r >= 0)
                r = builder_note_outer(builder, tops);
        if (r < 0 || problems_count(builder->problems) > 0 || suite->n_contexts == 0)
                return r;
        builder_nest_tops(builder, tops);
        r = builder_check_nesting(builder);
        if (r < 0 || problems_count(builder->problems) > 0)
                return r;

        for (size_t i = 0; i < suite->n_tests + suite->n_templates && r >= 0; i++)
                r = builder_finish_in_context(builder, i);
        if (r >= 0)
                r = builder_finish_fixtures(builder);
        for (uint32_t i = 1; i <= suite->n_contexts && r >= 0; i++)
                if (tops[i].seen)
                        r = builder_check_surroundings(builder, &tops[i], i);
        return r;
}
