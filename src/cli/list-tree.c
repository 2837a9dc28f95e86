/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Contexts stand behind the tests that are beside them; with their modes, and indented by how deep
 * they are nested. What is not to be run is not shown, but for templates: what is found under them is not known yet.
 */

#include "cli/list-tree.h"

#include <errno.h>
#include <stdio.h>

/* The tests, then the templates, each list as a chain of those in the same context. */
typedef struct Tree {
        const Suite *suite;
        size_t *first, *last; /* by context: position + 1; 0: none */
        size_t *next;         /* by position */
        bool *shown;          /* by context: something is in it */
} Tree;

static void tree_done(Tree *tree) {
        free(tree->first);
        free(tree->last);
        free(tree->next);
        free(tree->shown);
}

static const PackedTest *tree_get(const Tree *tree, size_t i) {
        const Suite *suite = tree->suite;

        return i < suite->n_tests ? suite->tests[i] : suite->templates[i - suite->n_tests];
}

static int tree_init(Tree *tree, const Suite *suite) {
        const size_t n = suite->n_tests + suite->n_templates, n_contexts = suite->n_contexts + 1;

        *tree = (Tree){
                .suite = suite,
                .first = calloc(n_contexts, sizeof(size_t)),
                .last = calloc(n_contexts, sizeof(size_t)),
                .next = calloc(n + 1, sizeof(size_t)),
                .shown = calloc(n_contexts, sizeof(bool)),
        };
        if (!tree->first || !tree->last || !tree->next || !tree->shown)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                uint32_t context = tree_get(tree, i)->traits->context;

                if (tree->last[context] > 0)
                        tree->next[tree->last[context] - 1] = i + 1;
                else
                        tree->first[context] = i + 1;
                tree->last[context] = i + 1;
                for (; context != CONTEXT_NONE; context = suite->contexts[context - 1]->parent)
                        tree->shown[context] = true;
        }
        return 0;
}

static void line_begin(unsigned depth) {
        printf("%*s", (int)(2 * depth), "");
}

static void test_print(const Tree *tree, size_t i, unsigned depth) {
        const PackedTest *test = tree_get(tree, i);
        const bool is_template = i >= tree->suite->n_tests;

        line_begin(depth);
        printf("%s%s%s%s%s\n",
               test->address,
               is_template ? "[…] (as others find them)" : "",
               test->exclusive ? " (exclusive)" : "",
               test->traits->finds ? " (finds tests)" : "",
               test->has_load_error ? " (cannot be loaded)" : "");
}

static void context_print(const Tree *tree, uint32_t number, unsigned depth) {
        const Suite *suite = tree->suite;
        unsigned inner = depth;

        if (number != CONTEXT_NONE) {
                const Context *context = suite->contexts[number - 1];

                line_begin(depth);
                printf("%s (%s%s)\n",
                       context->name,
                       context_mode_to_string(context->mode),
                       context->exclusive ? ", exclusive" : "");
                inner++;
        }
        for (size_t i = tree->first[number]; i > 0; i = tree->next[i - 1])
                test_print(tree, i - 1, inner);
        for (uint32_t i = 1; i <= suite->n_contexts; i++)
                if (suite->contexts[i - 1]->parent == number && tree->shown[i])
                        context_print(tree, i, inner);
}

int list_tree_print(const Suite *suite) {
        _cleanup_(tree_done) Tree tree;
        int r = tree_init(&tree, suite);

        if (r >= 0)
                context_print(&tree, CONTEXT_NONE, 0);
        return r;
}
