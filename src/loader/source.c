/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is common to all sources: new tests, and addresses that are unique
 */

#include "loader/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/array.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"

/* In the order in which they are tried: the most telling first. */
static const Source *const sources[] = {
        &source_module,
        &source_meson,
        &source_installed,
        &source_directory,
};

const Source *source_find_by_name(const char *name, size_t length) {
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                if (strlen(sources[i]->name) == length &&
                    memcmp(sources[i]->name, name, length) == 0)
                        return sources[i];
        return NULL;
}

const Source *source_find_by_path(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(sources); i++)
                if (sources[i]->recognise(path))
                        return sources[i];
        return NULL;
}

int source_new_test(const SourceContext *context, const char *address, Test **ret) {
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *clean = NULL;
        const Test *defaults = context->defaults;
        int r;

        r = address_sanitize(address, &clean);
        if (r < 0)
                return r;
        r = test_new(clean, &test);
        if (r < 0)
                return r;

        for (size_t i = 0; i < defaults->n_env; i++) {
                const EnvOp *op = &defaults->env[i];

                r = test_add_env(test, op->kind, op->name, op->value, op->separator);
                if (r < 0)
                        return r;
        }
        if (defaults->workdir) {
                test->workdir = strdup(defaults->workdir);
                if (!test->workdir)
                        return -ENOMEM;
        }
        test->timeout_usec = defaults->timeout_usec;
        test->grace_usec = defaults->grace_usec;
        test->timeout_signal = defaults->timeout_signal;
        test->output_max = defaults->output_max;

        *ret = TAKE_PTR(test);
        return 0;
}

int source_find_program(const char *name, char **ret) {
        _cleanup_free_ char *program = NULL;
        struct stat st;
        int r;

        r = path_find_program(name, &program);
        if (r < 0)
                return r;
        if (stat(program, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EACCES;
        /* Not access(): root may look, but not execute what has no x bit, and workers may be another user. */
        if (!(st.st_mode & 0111))
                return -EACCES;
        *ret = TAKE_PTR(program);
        return 0;
}

int source_load_contained(
                SourceContext *context, const Source *source, const char *spec, const char *path) {
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_(test_freep) Test *test = NULL;
        SourceContext contained = *context;
        size_t first = context->suite->n_tests;
        int r;

        contained.problems = &problems;
        r = source->load(&contained, path);
        if (r >= 0 || r == -ENOMEM)
                return r;

        /* Half a list says nothing about the other half. */
        suite_truncate(context->suite, first);

        r = source_new_test(context, spec, &test);
        if (r < 0)
                return r;
        test->load_error = problems.lines ? strv_join(problems.lines, "; ") : strdup(strerror(-r));
        test->source = strdup(path);
        if (!test->load_error || !test->source)
                return -ENOMEM;
        return suite_add(context->suite, TAKE_PTR(test));
}

/* ---- Addresses ---- */

/* Sorts positions instead of tests: the suite keeps its order, and equal addresses theirs. */
static int position_compare(const void *a, const void *b, void *userdata) {
        PackedTest *const *tests = userdata;
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        int r = strcmp(tests[x]->address, tests[y]->address);

        return r != 0 ? r : (x > y) - (x < y);
}

static int positions_new(PackedTest **tests, size_t n_tests, uint32_t **ret) {
        uint32_t *positions = malloc(MAX(n_tests, 1U) * sizeof(uint32_t));

        if (!positions)
                return -ENOMEM;
        for (size_t i = 0; i < n_tests; i++)
                positions[i] = (uint32_t)i;
        qsort_r(positions, n_tests, sizeof(uint32_t), position_compare, tests);
        *ret = positions;
        return 0;
}

static bool positions_contain(
                const uint32_t *positions,
                PackedTest **tests,
                size_t n_tests,
                const char *address) {
        size_t low = 0, high = n_tests;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(tests[positions[middle]]->address, address);

                if (r == 0)
                        return true;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* The first "address#N" that no test has; N goes on from *number. */
static int address_number(
                const uint32_t *positions,
                PackedTest **tests,
                size_t n_tests,
                const char *address,
                size_t *number,
                char **ret) {
        for (;;) {
                _cleanup_free_ char *candidate = NULL;
                char suffix[32];

                snprintf(suffix, sizeof(suffix), "#%zu", ++*number);
                /* An address at its limit gives way for the number. */
                int kept = (int)MIN(strlen(address), ADDRESS_MAX - strlen(suffix));
                while (kept > 0 && ((unsigned char)address[kept] & 0xc0) == 0x80)
                        kept--; /* not within a character */
                if (asprintf(&candidate, "%.*s%s", kept, address, suffix) < 0) {
                        candidate = NULL;
                        return -ENOMEM;
                }
                if (positions_contain(positions, tests, n_tests, candidate))
                        continue;
                *ret = TAKE_PTR(candidate);
                return 0;
        }
}

static int suite_rename(Suite *suite, size_t i, const char *address) {
        _cleanup_(test_freep) Test *test = NULL;
        int r;

        r = packed_test_unpack(suite->tests[i], &test);
        if (r >= 0)
                r = text_setf(&test->address, "%s", address);
        return r < 0 ? r : suite_replace(suite, i, test);
}

typedef struct NewName {
        uint32_t test;
        char *address;
} NewName;

/* What is to be renamed, in the order of positions. */
typedef struct Renaming {
        NewName *names;
        size_t n, n_allocated;
} Renaming;

static void renaming_done(Renaming *renaming) {
        for (size_t i = 0; i < renaming->n; i++)
                free(renaming->names[i].address);
        free(renaming->names);
}

/* Takes the address, also on failure. */
static int renaming_add(Renaming *renaming, uint32_t test, char *address) {
        _cleanup_free_ char *owned = address;

        if (array_reserve(renaming->names, renaming->n_allocated, renaming->n + 1) < 0)
                return -ENOMEM;
        renaming->names[renaming->n++] = (NewName){ .test = test, .address = TAKE_PTR(owned) };
        return 0;
}

int source_make_addresses_unique(Suite *suite, size_t first) {
        PackedTest **tests = suite->tests + first;
        size_t n_tests = suite->n_tests - first, number = 1;
        _cleanup_(renaming_done) Renaming renaming = {};
        _cleanup_free_ uint32_t *positions = NULL;
        int r;

        r = positions_new(tests, n_tests, &positions);
        if (r < 0)
                return r;

        for (size_t i = 1; i < n_tests; i++) {
                const PackedTest *test = tests[positions[i]], *before = tests[positions[i - 1]];
                char *address;

                if (strcmp(test->address, before->address) != 0) {
                        number = 1;
                        continue;
                }
                r = address_number(positions, tests, n_tests, test->address, &number, &address);
                if (r >= 0)
                        r = renaming_add(&renaming, positions[i], address);
                if (r < 0)
                        return r;
        }

        /* New names are put in only after the search, which needs the old order. */
        for (size_t i = 0; i < renaming.n; i++) {
                r = suite_rename(suite, first + renaming.names[i].test, renaming.names[i].address);
                if (r < 0)
                        return r;
        }
        return 0;
}

int source_find_duplicates(
                const Suite *suite,
                int (*callback)(const PackedTest *first, const PackedTest *second, void *userdata),
                void *userdata) {
        PackedTest **tests = suite->tests;
        _cleanup_free_ uint32_t *positions = NULL;
        size_t first = 0;
        int r;

        r = positions_new(tests, suite->n_tests, &positions);
        if (r < 0)
                return r;

        for (size_t i = 1; i < suite->n_tests; i++) {
                if (strcmp(tests[positions[i]]->address, tests[positions[first]]->address) != 0) {
                        first = i;
                        continue;
                }
                r = callback(tests[positions[first]], tests[positions[i]], userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- Suites ---- */

const Context *contexts_find_split(Context *const *contexts, uint32_t number) {
        do
                number = contexts[number - 1]->parent;
        while (number != CONTEXT_NONE && contexts[number - 1]->mode != CONTEXT_SPLIT);
        return number != CONTEXT_NONE ? contexts[number - 1] : NULL;
}

static void timeout_multiply(uint64_t *timeout_usec, double multiplier) {
        double product = (double)*timeout_usec * multiplier;

        if (*timeout_usec == USEC_INFINITY)
                return;
        /* 2^63 µs are 292,000 years: the rest of the range is not worth a doubtful conversion. */
        if (product <= 0 || product >= 0x1p63)
                *timeout_usec = USEC_INFINITY;
        else
                *timeout_usec = MAX((uint64_t)product, UINT64_C(1));
}

void suite_set_isolation(Suite *suite, LoadIsolation isolation) {
        TestTraits *traits;
        size_t cursor = 0;

        if (isolation == LOAD_ISOLATION_SUITE)
                return;
        while ((traits = test_store_next_traits(suite->store, &cursor)))
                if (traits->protocol == TEST_PROTOCOL_MODULE)
                        traits->isolate = isolation == LOAD_ISOLATION_PROCESS;
}

void suite_multiply_timeouts(Suite *suite, double multiplier) {
        TestTraits *traits;
        size_t cursor = 0;

        while ((traits = test_store_next_traits(suite->store, &cursor)))
                timeout_multiply(&traits->timeout_usec, multiplier);
        for (size_t i = 0; i < suite->n_contexts; i++) {
                if (suite->contexts[i]->set_up)
                        timeout_multiply(&suite->contexts[i]->set_up->timeout_usec, multiplier);
                if (suite->contexts[i]->tear_down)
                        timeout_multiply(&suite->contexts[i]->tear_down->timeout_usec, multiplier);
        }
}

int suite_name_sanitize(const char *text, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = address_sanitize(text, &name);
        if (r < 0)
                return r;
        for (char *c = name; *c; c++)
                if (*c == '/' || isspace((unsigned char)*c))
                        *c = '-';
        *ret = TAKE_PTR(name);
        return 0;
}
