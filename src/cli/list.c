/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ptest list: what a suite consists of
 *
 * Addresses one a line, so that other programs can read them, or all that is known of each test as JSON. A
 * test that cannot be loaded is listed like the others, because running the suite will report it.
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "basic/log.h"
#include "basic/strv.h"
#include "cli/json-value.h"
#include "cli/keyword.h"
#include "cli/list-tree.h"
#include "cli/suite-load.h"
#include "cli/verb.h"
#include "cli/worker-path.h"

/* As run has it: neither wrong use nor a suite that cannot be read. */
#define LIST_EXIT_MACHINERY 3

typedef struct ListArguments {
        char **patterns;
        char **targets;
        bool json;
        bool tree;
        int error;
} ListArguments;

static void list_arguments_done(ListArguments *arguments) {
        strv_free(arguments->patterns);
        strv_free(arguments->targets);
}

/* Without a short form: -j is the number of workers elsewhere. */
#define OPTION_JSON 0x100
#define OPTION_TREE 0x101

static const struct argp_option list_options[] = {
        {"keyword",
         'k', "PATTERN",
         0, "Only tests whose address matches; !PATTERN excludes; repeatable",
         0 },
        { "json",
         OPTION_JSON, NULL,
         0, "An array of objects with all that is known of each test",
         0 },
        { "tree",
         OPTION_TREE, NULL,
         0, "For people: below the contexts that tests are in, with their modes",
         0 },
        {                                                       },
};

static error_t list_on_option(int key, char *value, struct argp_state *state) {
        ListArguments *arguments = state->input;

        switch (key) {
        case 'k':
                arguments->error = keyword_add(state, value, &arguments->patterns);
                break;
        case OPTION_JSON:
                arguments->json = true;
                break;
        case OPTION_TREE:
                arguments->tree = true;
                break;
        case ARGP_KEY_ARG:
                arguments->error = strv_extend(&arguments->targets, value);
                break;
        case ARGP_KEY_NO_ARGS:
                argp_error(state, "no suite given");
                break;
        default:
                return ARGP_ERR_UNKNOWN;
        }
        return arguments->error < 0 ? -arguments->error : 0;
}

static const struct argp list_argp = {
        .options = list_options,
        .parser = list_on_option,
        .args_doc = "SUITE...",
        .doc = "Print the addresses of the tests of suites, in their order.\v"
               "SUITE is the name of a suite file in the search path, a path to one, a meson build directory, "
               "a directory of .test files or one of executables, or a test module.",
};

/* ---- Printing ---- */

/* Of tests of modules, which have the choice. */
static json_t *json_isolation(const Test *test) {
        if (test->protocol != TEST_PROTOCOL_MODULE)
                return json_null();
        return json_string(test->isolate ? "process" : "none");
}

static json_t *json_context(const Suite *suite, uint32_t number) {
        return json_from_text(number == CONTEXT_NONE ? NULL : suite->contexts[number - 1]->name);
}

static json_t *json_mode(const Suite *suite, uint32_t number) {
        return json_from_text(
                        number == CONTEXT_NONE ?
                                        NULL :
                                        context_mode_to_string(suite->contexts[number - 1]->mode));
}

static json_t *test_to_json(const Suite *suite, const Test *test) {
        json_t *timeout = test->timeout_usec == USEC_INFINITY ?
                        json_null() :
                        json_integer((json_int_t)test->timeout_usec);

        return json_pack(
                        "{s:o, s:o, s:o, s:o, s:s, s:b, s:i, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s}",
                        "address",
                        json_from_text(test->address),
                        "exec",
                        json_from_texts(test->argv),
                        "workdir",
                        json_from_text(test->workdir),
                        "timeout_usec",
                        timeout,
                        "protocol",
                        test_protocol_to_string(test->protocol),
                        "exclusive",
                        test->exclusive,
                        "priority",
                        test->priority,
                        "tags",
                        json_from_texts(test->tags),
                        "should_fail",
                        test->should_fail,
                        "source",
                        json_from_text(test->source),
                        "line",
                        test->line > 0 ? json_integer(test->line) : json_null(),
                        "description",
                        json_from_text(test->description),
                        "load_error",
                        json_from_text(test->load_error),
                        "context",
                        json_context(suite, test->context),
                        "mode",
                        json_mode(suite, test->context),
                        "isolation",
                        json_isolation(test),
                        "found_exec",
                        test->finds ? json_from_texts(test->found_argv) : json_null(),
                        "retries",
                        test->limits.retries,
                        "flaky",
                        flaky_policy_to_string((FlakyPolicy)test->limits.flaky));
}

/* One test at a time: the array of a large suite need not be in memory. */
static int print_json(const Suite *suite) {
        putchar('[');
        for (size_t i = 0; i < suite->n_tests; i++) {
                _cleanup_(test_freep) Test *test = NULL;
                int r = packed_test_unpack(suite->tests[i], &test);

                if (r < 0)
                        return r;

                json_t *object = test_to_json(suite, test);
                if (!object)
                        return -ENOMEM;
                fputs(i > 0 ? ",\n " : "\n ", stdout);
                r = json_dumpf(object, stdout, 0);
                json_decref(object);
                if (r < 0)
                        return -EIO;
        }
        puts(suite->n_tests > 0 ? "\n]" : "]");
        return 0;
}

static int print_suite(const Suite *suite, const ListArguments *arguments) {
        int r = 0;

        if (arguments->json)
                r = print_json(suite);
        else if (arguments->tree)
                r = list_tree_print(suite);
        else
                for (size_t i = 0; i < suite->n_tests; i++)
                        puts(suite->tests[i]->address);

        if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
                r = errno > 0 ? -errno : -EIO;
        return r;
}

int verb_list(int argc, char **argv) {
        _cleanup_(list_arguments_done) ListArguments arguments = {};
        _cleanup_(suite_freep) Suite *suite = NULL;
        _cleanup_free_ char *worker = NULL;
        int r;

        argp_err_exit_status = 2;
        r = argp_parse(&list_argp, argc, argv, 0, NULL, &arguments);
        if (r != 0) {
                log_error("%s", strerror(r));
                return 2;
        }

        r = worker_path_find(&worker);
        if (r == -ENOMEM) {
                log_error("%s", strerror(ENOMEM));
                return LIST_EXIT_MACHINERY;
        }
        r = suite_load(arguments.targets,
                       arguments.patterns,
                       &(LoadOptions){ .timeout_multiplier = 1.0, .worker = worker },
                       &suite);
        if (r < 0)
                return 2;

        r = print_suite(suite, &arguments);
        if (r < 0) {
                log_error_errno(r, "Failed to write the list: %m");
                return LIST_EXIT_MACHINERY;
        }
        if (suite->n_tests == 0) {
                if (arguments.patterns)
                        log_error("No test of %s is selected", suite->name);
                else
                        log_error("%s has no tests", suite->path ?: suite->name);
                return 1;
        }
        return 0;
}
