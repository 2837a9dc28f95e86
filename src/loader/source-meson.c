/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tests of a meson build directory
 *
 * They are read from meson-info/intro-tests.json; meson itself is not needed. What that file does not say:
 *
 * - Addresses. A test's name is not unique, so its address is "SUITE/NAME" with the first of its suites
 *   ("project" or "project:suite"), always, so that adding a test elsewhere renames none. Tests that are
 *   still the same get "#2", "#3", … in the order of the file, which is that of their definitions.
 * - Environment. The file shows the result of all changes on an empty environment: append('PATH', '/x')
 *   looks like PATH=/x. Where no meson.build of the project speaks of such changes, all are plain settings
 *   but LD_LIBRARY_PATH, which meson itself prepends for libraries of the build. Otherwise the helper says
 *   what they are, and without it variables that hold a list are prepended to what is there, with a warning.
 * - should_fail. Only the helper knows; it is asked where a meson.build speaks of it, and where it has no
 *   answer a warning names the way out, a [Match] section.
 * - Test setups. The one that is the default of "meson test" is asked for in the same way: its wrapper, environment,
 *   multiplier of time limits and suites that it leaves out. The others are for those who name them to meson.
 * - MALLOC_PERTURB_. meson sets it to a random byte unless it is set. Here it is a byte that depends on the
 *   test's name: different for different tests, and the same in each run, so that what it shows can be seen again.
 * - Sanitizers: in a build with b_sanitize the options that later versions of meson set, so that a finding ends the test.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/json-stream.h"
#include "loader/meson-build.h"
#include "loader/meson-helper.h"
#include "loader/source.h"

/* A timeout of a year is none; it also keeps the product within its type. */
#define TIMEOUT_MAX_SEC 31536000

#define SANITIZER_OPTIONS "halt_on_error=1:abort_on_error=1:print_summary=1"

typedef struct Listing {
        SourceContext *context;
        MesonBuild build;
        JsonStream details; /* of the helper */
        bool has_details;
        char *helper_reason; /* why not */
        bool guessed_env;
        bool excluded; /* the test that was read last is left out by the default setup */
} Listing;

static void listing_done(Listing *listing) {
        meson_build_done(&listing->build);
        json_stream_done(&listing->details);
        free(listing->helper_reason);
}

static bool source_meson_recognise(const char *path) {
        return meson_build_is_one(path);
}

static int source_meson_name(const char *path, char **ret) {
        _cleanup_free_ char *project = NULL;
        int r = meson_build_get_project(path, &project);

        if (r == -ENOMEM)
                return r;
        return suite_name_sanitize(project ? project : path_basename(path), ret);
}

/* ---- Fields: each returns 0, -EINVAL for a wrong type (the caller names the field), -ENOMEM ---- */

static int field_get_strings(const json_t *object, const char *key, bool required, char ***ret) {
        _cleanup_strv_ char **strings = NULL;
        json_t *list = json_object_get(object, key), *item;
        size_t i;

        if (!list && !required)
                return 0;
        if (!json_is_array(list) || (required && json_array_size(list) == 0))
                return -EINVAL;

        json_array_foreach(list, i, item) {
                if (!json_is_string(item))
                        return -EINVAL;

                int r = strv_extend(&strings, json_string_value(item));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(strings);
        return 0;
}

static int field_get_workdir(
                const Listing *listing, const json_t *object, const char *key, char **ret) {
        json_t *value = json_object_get(object, key);

        if (value && !json_is_null(value) && !json_is_string(value))
                return -EINVAL;

        const char *workdir = json_string_value(value);
        free(*ret);
        *ret = NULL;
        if (workdir && *workdir)
                return path_join(listing->build.path, workdir, ret);
        *ret = strdup(listing->build.path);
        return *ret ? 0 : -ENOMEM;
}

static int field_get_timeout(const json_t *object, const char *key, uint64_t *ret) {
        json_t *value = json_object_get(object, key);

        if (value && !json_is_null(value) && !json_is_number(value))
                return -EINVAL;

        double seconds = json_number_value(value);
        *ret = seconds > 0 && seconds < TIMEOUT_MAX_SEC ?
                        (uint64_t)(seconds * (double)USEC_PER_SEC) :
                        USEC_INFINITY;
        return 0;
}

static int field_get_protocol(const json_t *object, const char *key, TestProtocol *ret) {
        json_t *value = json_object_get(object, key);
        const char *name = json_string_value(value);

        if (!value)
                return 0;
        if (!name)
                return -EINVAL;
        if (strcmp(name, "exitcode") == 0) {
                *ret = TEST_PROTOCOL_EXIT;
                return 0;
        }

        TestProtocol protocol = test_protocol_from_string(name);
        if (protocol < 0)
                return -EINVAL;
        *ret = protocol;
        return 0;
}

static int field_get_priority(const json_t *object, const char *key, int *ret) {
        json_t *value = json_object_get(object, key);
        json_int_t priority = json_integer_value(value);

        if (value && (!json_is_integer(value) || priority != (json_int_t)(int)priority))
                return -EINVAL;
        *ret = (int)priority;
        return 0;
}

static int field_get_exclusive(const json_t *object, const char *key, bool *ret) {
        json_t *value = json_object_get(object, key);

        if (value && !json_is_boolean(value))
                return -EINVAL;
        *ret = json_is_false(value);
        return 0;
}

/* ---- Environment ---- */

/* Variables whose values are lists that something outside may have begun. */
static bool variable_is_list(const char *name) {
        return text_ends_with(name, "PATH") || text_ends_with(name, "_DIRS") ||
                        strcmp(name, "LD_PRELOAD") == 0 || strcmp(name, "PERL5LIB") == 0;
}

static int test_add_plain_env(Listing *listing, Test *test, const json_t *env) {
        const char *name;
        json_t *value;

        if (!env)
                return 0;
        if (!json_is_object(env))
                return -EINVAL;

        json_object_foreach((json_t *)env, name, value) {
                bool by_meson = strcmp(name, "LD_LIBRARY_PATH") == 0;
                bool guess = listing->build.has_env_changes && variable_is_list(name);
                int r;

                if (!json_is_string(value))
                        return -EINVAL;
                if (by_meson || guess)
                        r = test_add_env(test, ENV_OP_PREPEND, name, json_string_value(value), ":");
                else
                        r = test_add_env(test, ENV_OP_SET, name, json_string_value(value), NULL);
                if (r < 0)
                        return r;
                listing->guessed_env |= guess && !by_meson;
        }
        return 0;
}

static int test_add_env_change(Test *test, const json_t *change) {
        static const struct {
                const char *word;
                EnvOpKind kind;
        } kinds[] = {
                {"set",      ENV_OP_SET    },
                { "append",  ENV_OP_APPEND },
                { "prepend", ENV_OP_PREPEND},
                { "unset",   ENV_OP_UNSET  },
        };
        const char *word = json_string_value(json_array_get(change, 0));
        const char *name = json_string_value(json_array_get(change, 1));
        const char *value = json_string_value(json_array_get(change, 2));
        const char *separator = json_string_value(json_array_get(change, 3));

        if (!word || !name || !value || !separator)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcmp(kinds[i].word, word) == 0)
                        return test_add_env(test, kinds[i].kind, name, value, separator);
        return -EINVAL;
}

/* The user's word stands, from the suite file or the environment; an empty one is none, as with meson. */
static bool test_lets_set(const Test *test, const char *name) {
        const char *value = getenv(name);

        for (size_t i = 0; i < test->n_env; i++)
                if (strcmp(test->env[i].name, name) == 0)
                        return false;
        return !value || !*value;
}

static int test_set_default_env(const Listing *listing, Test *test) {
        static const char *const options[][2] = {
                {"ASAN_OPTIONS",   SANITIZER_OPTIONS                      },
                { "UBSAN_OPTIONS", SANITIZER_OPTIONS ":print_stacktrace=1"},
                { "MSAN_OPTIONS",  SANITIZER_OPTIONS ":print_stacktrace=1"},
        };
        int r;

        if (test_lets_set(test, "MALLOC_PERTURB_")) {
                uint32_t hash = 2166136261U; /* FNV-1a */
                char byte[4];

                for (const char *c = test->address; *c; c++)
                        hash = (hash ^ (uint8_t)*c) * 16777619U;
                snprintf(byte, sizeof(byte), "%u", hash % 255 + 1);
                r = test_add_env(test, ENV_OP_SET, "MALLOC_PERTURB_", byte, NULL);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; listing->build.sanitized && i < ELEMENTSOF(options); i++)
                if (test_lets_set(test, options[i][0])) {
                        r = test_add_env(test, ENV_OP_SET, options[i][0], options[i][1], NULL);
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* ---- What the helper knows ---- */

static int test_prefix_wrapper(Test *test, const json_t *wrapper) {
        _cleanup_strv_ char **argv = NULL;
        json_t *word;
        size_t i;
        int r;

        json_array_foreach(wrapper, i, word) {
                if (!json_is_string(word))
                        return -EINVAL;
                r = strv_extend(&argv, json_string_value(word));
                if (r < 0)
                        return r;
        }
        if (!argv)
                return 0;
        r = strv_extend_strv(&argv, test->argv);
        if (r < 0)
                return r;
        strv_free(test->argv);
        test->argv = TAKE_PTR(argv);
        return 0;
}

static void test_multiply_timeout(Test *test, const json_t *multiplier) {
        double factor = json_is_number(multiplier) ? json_number_value(multiplier) : 1;
        double usec = (double)test->timeout_usec * factor;

        if (test->timeout_usec == USEC_INFINITY)
                return;
        test->timeout_usec = usec > 0 && usec < (double)TIMEOUT_MAX_SEC * (double)USEC_PER_SEC ?
                        (uint64_t)usec :
                        USEC_INFINITY;
}

static int test_apply_details(Test *test, const json_t *details) {
        json_t *env = json_object_get(details, "env"), *change;
        const char *error = json_string_value(json_object_get(details, "error"));
        size_t i;
        int r;

        json_array_foreach(env, i, change) {
                r = test_add_env_change(test, change);
                if (r < 0)
                        return r;
        }
        test_multiply_timeout(test, json_object_get(details, "multiplier"));
        test->should_fail = json_is_true(json_object_get(details, "should_fail"));
        if (error) {
                test->load_error = strdup(error);
                if (!test->load_error)
                        return -ENOMEM;
        }
        return test_prefix_wrapper(test, json_object_get(details, "wrapper"));
}

/* The helper's object for the same test, or NULL from the first one on that does not fit. */
static json_t *listing_next_details(Listing *listing, const char *name) {
        _cleanup_json_ json_t *details = NULL;
        json_error_t error;

        if (!listing->has_details)
                return NULL;

        if (json_stream_next(&listing->details, &details, &error) == 0) {
                const char *other = json_string_value(json_object_get(details, "name"));

                if (other && strcmp(other, name) == 0)
                        return TAKE_PTR(details);
        }
        listing->has_details = false;
        (void)text_setf(&listing->helper_reason, "meson-private does not fit to meson-info");
        return NULL;
}

static int listing_ask_helper(Listing *listing) {
        const MesonBuild *build = &listing->build;
        int fd, r;

        if (!build->has_expectations && !build->has_env_changes && !build->is_cross &&
            !build->has_default_setup)
                return 0;

        r = meson_helper_run(build->path, build->has_default_setup, &fd, &listing->helper_reason);
        if (r >= 0)
                r = json_stream_init(&listing->details, fd);
        listing->has_details = r >= 0;
        return r == -ENOMEM ? r : 0;
}

static void listing_warn(const Listing *listing) {
        const MesonBuild *build = &listing->build;
        const char *reason = listing->helper_reason ? listing->helper_reason :
                                                      "no answer from Python";

        if (listing->has_details)
                return;
        if (build->has_default_setup)
                log_warning("%s: the project has a default test setup, which is not known (%s): its wrapper, "
                            "environment and multiplier are not applied, and it leaves nothing out",
                            build->path,
                            reason);
        if (build->has_expectations)
                log_warning("%s: which tests are expected to fail is not known (%s); name them in a "
                            "suite file: [Match ADDRESS], ShouldFail=yes",
                            build->path,
                            reason);
        if (listing->guessed_env)
                log_warning("%s: whether tests set or extend variables such as PATH is not known (%s); "
                            "taken to be prepended",
                            build->path,
                            reason);
        if (build->is_cross)
                log_warning("%s: a cross build's exe_wrapper is not known (%s)",
                            build->path,
                            reason);
}

/* ---- One test ---- */

/* The first reason stands. */
#define test_fail(test, ...) ((test)->load_error ? 0 : text_setf(&(test)->load_error, __VA_ARGS__))

static int test_check_program(const Listing *listing, Test *test) {
        _cleanup_free_ char *path = NULL, *found = NULL;
        const char *program = test->argv[0];
        int r;

        if (strchr(program, '/'))
                r = path_join(test->workdir, program, &path);
        else
                r = path_find_program(program, &path);
        if (r == -ENOENT)
                return test_fail(test, "the program %s is not installed", program);
        if (r >= 0)
                r = source_find_program(path, &found);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return test_fail(
                                test,
                                "%s is not built; run \"ninja -C %s\"",
                                path,
                                listing->build.path);
        if (r < 0)
                return test_fail(test, "%s cannot be run: %s", path ?: program, strerror(-r));
        if (strchr(program, '/'))
                return 0;
        free(test->argv[0]);
        test->argv[0] = TAKE_PTR(path);
        return 0;
}

static int test_check_depends(Listing *listing, Test *test, const json_t *object) {
        json_t *depends = json_object_get(object, "depends"), *id;
        size_t i;

        json_array_foreach(depends, i, id) {
                const char *missing = json_is_string(id) ?
                                meson_build_find_missing(&listing->build, json_string_value(id)) :
                                NULL;

                if (missing)
                        return test_fail(
                                        test,
                                        "depends on %s, which is not built; run \"ninja -C %s\"",
                                        missing,
                                        listing->build.path);
        }
        return 0;
}

/* Reads the plain fields; -EINVAL with the name of the first one that is wrong. */
static int test_read_fields(
                const Listing *listing, Test *test, const json_t *object, const char **ret_field) {
        int r;

        r = field_get_strings(object, *ret_field = "cmd", true, &test->argv);
        if (r >= 0)
                r = field_get_strings(object, *ret_field = "suite", false, &test->tags);
        if (r >= 0)
                r = field_get_workdir(listing, object, *ret_field = "workdir", &test->workdir);
        if (r >= 0)
                r = field_get_timeout(object, *ret_field = "timeout", &test->timeout_usec);
        if (r >= 0)
                r = field_get_protocol(object, *ret_field = "protocol", &test->protocol);
        if (r >= 0)
                r = field_get_priority(object, *ret_field = "priority", &test->priority);
        if (r >= 0)
                r = field_get_exclusive(object, *ret_field = "is_parallel", &test->exclusive);
        return r;
}

static int test_fill(Listing *listing, Test *test, const json_t *object, const char *name) {
        _cleanup_json_ json_t *details = NULL;
        const char *field = NULL;
        int r;

        /* First of all, and for each test: the two lists are read in step. */
        details = listing_next_details(listing, name);
        listing->excluded = json_is_true(json_object_get(details, "excluded"));

        r = test_read_fields(listing, test, object, &field);
        if (r >= 0)
                r = test_set_default_env(listing, test);
        if (r >= 0) {
                field = "env";
                if (details)
                        r = test_apply_details(test, details);
                else
                        r = test_add_plain_env(listing, test, json_object_get(object, "env"));
        }
        if (r == -EINVAL)
                return test_fail(
                                test,
                                "its \"%s\" in %s is not understood",
                                field,
                                listing->build.tests_path);
        if (r < 0)
                return r;

        r = test_check_program(listing, test);
        return r < 0 ? r : test_check_depends(listing, test, object);
}

static int listing_add(Listing *listing, const json_t *object) {
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *address = NULL;
        const char *name = json_string_value(json_object_get(object, "name"));
        const char *suite = json_string_value(json_array_get(json_object_get(object, "suite"), 0));
        int r;

        r = text_setf(&address, "%s%s%s", suite ? suite : "", suite ? "/" : "", name ? name : "_");
        if (r < 0)
                return r;
        r = source_new_test(listing->context, address, &test);
        if (r < 0)
                return r;
        test->source = strdup(listing->build.tests_path);
        if (!test->source)
                return -ENOMEM;

        r = name ? test_fill(listing, test, object, name) :
                   test_fail(test, "a test without a name in %s", listing->build.tests_path);
        if (r < 0 || listing->excluded)
                return r;
        return suite_add(listing->context->suite, TAKE_PTR(test));
}

static int listing_read(Listing *listing) {
        LoadProblems *problems = listing->context->problems;
        const char *path = listing->build.tests_path;
        _cleanup_(json_stream_done) JsonStream stream = {};
        json_error_t error;
        int r;

        r = meson_build_open(path, &stream);
        if (r >= 0 && !stream.array)
                r = -EBADMSG;
        if (r == -EBADMSG)
                problems_add(problems, path, 0, "is broken: it is not a list of tests");
        else if (r < 0)
                problems_add(problems, path, 0, "cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;

        for (;;) {
                _cleanup_json_ json_t *object = NULL;

                r = json_stream_next(&stream, &object, &error);
                if (r == 1)
                        return 0;
                if (r < 0) {
                        problems_add(problems,
                                     path,
                                     0,
                                     "is broken after %zu tests: %s; run \"meson setup --reconfigure\"",
                                     stream.count,
                                     error.text);
                        return r;
                }
                r = listing_add(listing, object);
                if (r < 0)
                        return r;
        }
}

static int source_meson_load(SourceContext *context, const char *path) {
        _cleanup_(listing_done) Listing listing = { .context = context };
        size_t first = context->suite->n_tests;
        int r;

        r = meson_build_init(&listing.build, path, context->problems);
        if (r >= 0)
                r = listing_ask_helper(&listing);
        if (r >= 0)
                r = listing_read(&listing);
        if (r < 0)
                return r;
        listing_warn(&listing);
        return source_make_addresses_unique(context->suite, first);
}

const Source source_meson = {
        .name = "meson",
        .recognise = source_meson_recognise,
        .name_suite = source_meson_name,
        .load = source_meson_load,
};
