/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GNOME's installed tests: a tree of .test files
 *
 * Each is read as gnome-desktop-testing-runner 2021.1 reads it, so that the verdicts are the same: Type= is
 * session or session-exclusive (which runs alone), Exec= is split like a shell's words without a shell, and
 * Output=TAP is not looked at; the exit status decides (a [Match] section with Protocol=tap says otherwise).
 * Links and hidden directories are searched, as there. Two things differ, both because the other way is of
 * no use to anybody: a file that is wrong is one test that fails and not the end of the run, and
 * TestEnvironment= adds to the environment where that runner replaces all of it, PATH included.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "loader/keyfile.h"
#include "loader/listing.h"
#include "loader/source.h"

#define SUFFIX ".test"

typedef struct TestFile {
        char *type;
        char *exec;
        char *environment;
        char *description;
        bool has_group;
} TestFile;

static void test_file_done(TestFile *file) {
        free(file->type);
        free(file->exec);
        free(file->environment);
        free(file->description);
}

static bool installed_accepts(const char *name, mode_t mode) {
        return S_ISDIR(mode) || ((S_ISREG(mode) || S_ISLNK(mode)) && text_ends_with(name, SUFFIX));
}

static bool directory_has_test_file(const char *path, bool descend) {
        struct dirent **entries = NULL;
        bool found = false;
        int n = scandir(path, &entries, NULL, NULL);

        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;

                if (!found && text_ends_with(name, SUFFIX))
                        found = true;
                if (!found && descend && *name != '.') {
                        _cleanup_free_ char *below = NULL;

                        if (path_join(path, name, &below) >= 0 && path_is_directory(below))
                                found = directory_has_test_file(below, false);
                }
                free(entries[i]);
        }
        free(entries);
        return found;
}

/* The directory of a package, or the one above with those of all packages. */
static bool source_installed_recognise(const char *path) {
        return directory_has_test_file(path, true);
}

static int source_installed_name(const char *path, char **ret) {
        return suite_name_sanitize(path_basename(path), ret);
}

/* ---- Values, as GKeyFile and g_shell_parse_argv() read them ---- */

/* One value's escapes (\s \n \t \r \\) undone in place; with a separator, up to it. Returns what follows. */
static char *value_unescape(char *value, char separator) {
        char *to = value;

        while (*value && (separator == 0 || *value != separator)) {
                if (*value == '\\' && value[1]) {
                        static const char from[] = "sntr\\", into[] = " \n\t\r\\";
                        const char *known = strchr(from, value[1]);

                        if (known)
                                *to++ = into[known - from];
                        else if (separator != 0 && value[1] == separator)
                                *to++ = separator;
                        else {
                                *to++ = '\\';
                                *to++ = value[1];
                        }
                        value += 2;
                        continue;
                }
                *to++ = *value++;
        }

        char *rest = *value ? value + 1 : NULL;
        *to = 0;
        return rest;
}

/* One word without its quotes into `to`; *s moves behind it. */
static int shell_word(const char **s, char *to) {
        char quote = 0;

        for (; **s && (quote || !strchr(" \t\n", **s)); (*s)++) {
                if (quote && **s == quote)
                        quote = 0;
                else if (!quote && (**s == '\'' || **s == '"'))
                        quote = **s;
                else if (**s == '\\' && quote != '\'') {
                        if (!(*s)[1])
                                return -EINVAL;
                        /* Within double quotes a backslash is only special before these. */
                        if (quote && !strchr("$`\"\\\n", (*s)[1]))
                                *to++ = '\\';
                        (*s)++;
                        if (**s != '\n')
                                *to++ = **s;
                } else
                        *to++ = **s;
        }
        *to = 0;
        return quote ? -EINVAL : 0;
}

static int shell_split(const char *s, char ***ret) {
        _cleanup_strv_ char **words = NULL;
        _cleanup_free_ char *word = malloc(strlen(s) + 1);
        int r;

        if (!word)
                return -ENOMEM;
        for (;;) {
                s += strspn(s, " \t\n");
                if (!*s)
                        break;
                if (*s == '#') {
                        s += strcspn(s, "\n");
                        continue;
                }
                r = shell_word(&s, word);
                if (r < 0)
                        return r;
                r = strv_extend(&words, word);
                if (r < 0)
                        return r;
        }
        if (!words)
                return -ENODATA;
        *ret = TAKE_PTR(words);
        return 0;
}

/* ---- One .test file ---- */

static int test_file_on_line(const KeyfileLine *line, void *userdata) {
        TestFile *file = userdata;
        char **field = NULL;

        if (strcmp(line->section, "Test") != 0)
                return 0;
        file->has_group = true;
        if (!line->key)
                return 0;

        if (strcmp(line->key, "Type") == 0)
                field = &file->type;
        else if (strcmp(line->key, "Exec") == 0)
                field = &file->exec;
        else if (strcmp(line->key, "TestEnvironment") == 0)
                field = &file->environment;
        else if (strcmp(line->key, "Description") == 0)
                field = &file->description;
        else
                return 0; /* Output= and what later versions may add */

        free(*field);
        *field = strdup(line->value);
        return *field ? 0 : -ENOMEM;
}

static int test_set_environment(Test *test, char *value, LoadProblems *problems) {
        int r;

        while (value && *value) {
                char *rest = value_unescape(value, ';'), *equals = strchr(value, '=');

                if (!equals || equals == value)
                        r = problems_add(
                                        problems,
                                        test->source,
                                        0,
                                        "TestEnvironment: \"%s\" is not NAME=value",
                                        value);
                else {
                        *equals = 0;
                        r = test_add_env(test, ENV_OP_SET, value, equals + 1, NULL);
                }
                if (r < 0)
                        return r;
                value = rest;
        }
        return 0;
}

static int test_set_exec(Test *test, char *value, LoadProblems *problems) {
        int r;

        value_unescape(value, 0);
        r = shell_split(value, &test->argv);
        if (r == -EINVAL)
                return problems_add(problems, test->source, 0, "Exec has an open quote: %s", value);
        if (r == -ENODATA)
                return problems_add(
                                problems,
                                test->source,
                                0,
                                "Exec is empty; it names the program to run");
        if (r < 0)
                return r;

        _cleanup_free_ char *program = NULL;
        r = source_find_program(test->argv[0], &program);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return problems_add(
                                problems,
                                test->source,
                                0,
                                "the program %s cannot be run: %s",
                                test->argv[0],
                                strerror(-r));
        free(test->argv[0]);
        test->argv[0] = TAKE_PTR(program);
        return 0;
}

static int test_set_from_file(Test *test, TestFile *file, LoadProblems *problems) {
        int r = 0;

        if (!file->has_group)
                return problems_add(problems, test->source, 0, "has no section [Test]");

        if (!file->type)
                r = problems_add(problems, test->source, 0, "has no Type; write Type=session");
        else if (strcmp(file->type, "session-exclusive") == 0)
                test->exclusive = true;
        else if (strcmp(file->type, "session") != 0)
                r = problems_add(
                                problems,
                                test->source,
                                0,
                                "Type=%s is not known; it is session or session-exclusive",
                                file->type);
        if (r < 0)
                return r;

        if (!file->exec)
                r = problems_add(
                                problems,
                                test->source,
                                0,
                                "has no Exec; it names the program to run");
        else
                r = test_set_exec(test, file->exec, problems);
        if (r < 0)
                return r;

        test->description = TAKE_PTR(file->description);
        return test_set_environment(test, file->environment, problems);
}

static int installed_add(SourceContext *context, const char *root, char *relative) {
        _cleanup_problems_ LoadProblems problems = {};
        _cleanup_(test_file_done) TestFile file = {};
        _cleanup_(test_freep) Test *test = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = path_join(root, relative, &path);
        if (r < 0)
                return r;
        /* A directory that cannot be read is here too, under its own name. */
        if (text_ends_with(relative, SUFFIX))
                relative[strlen(relative) - strlen(SUFFIX)] = 0;
        r = source_new_test(context, relative, &test);
        if (r < 0)
                return r;
        test->source = TAKE_PTR(path);

        r = keyfile_read(test->source, 0, test_file_on_line, &file, &problems);
        if (r >= 0)
                r = test_set_from_file(test, &file, &problems);
        if (r == -ENOMEM)
                return r;
        if (problems.lines) {
                test->load_error = strv_join(problems.lines, "; ");
                if (!test->load_error)
                        return -ENOMEM;
        }
        return suite_add(context->suite, TAKE_PTR(test));
}

static int source_installed_load(SourceContext *context, const char *path) {
        _cleanup_strv_ char **found = NULL;
        size_t first = context->suite->n_tests;
        int r;

        r = listing_find(path, installed_accepts, SUITE_TESTS_MAX, &found, context->problems);
        if (r < 0)
                return r;

        strv_for_each(relative, found) {
                r = installed_add(context, path, *relative);
                if (r < 0)
                        return r;
        }
        return source_make_addresses_unique(context->suite, first);
}

const Source source_installed = {
        .name = "installed-tests",
        .recognise = source_installed_recognise,
        .name_suite = source_installed_name,
        .load = source_installed_load,
};
