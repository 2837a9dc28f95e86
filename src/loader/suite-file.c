/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading a suite file and its drop-ins
 *
 * A drop-in goes on where the file ended: single values are replaced, lists grow, and a [Test NAME] that is
 * there already is changed. Twice the same [Test NAME] in one file is a mistake, though: most likely one was
 * copied and not renamed. Relative paths are relative to the suite file's directory wherever they are written.
 */

#include "loader/suite-file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"

static Spec *spec_free(Spec *spec) {
        if (!spec)
                return NULL;
        free(spec->name);
        free(spec->path);
        free(spec->exec_path);
        test_free(spec->values);
        free(spec);
        return NULL;
}

DEFINE_CLEANUP(Spec, spec_free);

static int spec_new(SpecKind kind, const char *name, const char *path, unsigned line, Spec **ret) {
        _cleanup_(spec_freep) Spec *spec = calloc(1, sizeof(Spec));
        int r;

        if (!spec)
                return -ENOMEM;
        spec->kind = kind;
        spec->line = line;
        spec->name = strdup(name);
        spec->path = strdup(path);
        if (!spec->name || !spec->path)
                return -ENOMEM;
        r = test_new("_", &spec->values);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        return 0;
}

void suite_file_done(SuiteFile *file) {
        for (size_t i = 0; i < file->n_from; i++)
                suite_from_done(&file->from[i]);
        free(file->from);
        for (size_t i = 0; i < file->n_specs; i++)
                spec_free(file->specs[i]);
        free(file->specs);
        spec_free(file->defaults);
        free(file->settings.worker_user);
        free(file->description);
        free(file->directory);
        free(file->path);
        *file = (SuiteFile){};
}

/* ---- Sections ---- */

static int complain(SuiteFile *file, const KeyfileLine *line, const char *text) {
        return problems_add(file->problems, line->path, line->line, "[%s] %s", line->section, text);
}

static int file_add_spec(
                SuiteFile *file, SpecKind kind, const char *name, const KeyfileLine *line) {
        _cleanup_(spec_freep) Spec *spec = NULL;
        int r;

        if (file->n_specs >= SUITE_FILE_SPECS_MAX)
                return complain(file, line, "is one section too many");

        r = spec_new(kind, name, line->path, line->line, &spec);
        if (r < 0)
                return r;
        /* Powers of two: the array is full when the count is one. */
        if ((file->n_specs & (file->n_specs - 1)) == 0) {
                Spec **grown = reallocarray(
                                file->specs, MAX(file->n_specs * 2, 1U), sizeof(Spec *));

                if (!grown)
                        return -ENOMEM;
                file->specs = grown;
        }
        file->current = file->specs[file->n_specs++] = TAKE_PTR(spec);
        file->section = kind;
        return 0;
}

/* A drop-in's section of a test that an earlier file has. Twice in one file is found at the end, by address. */
static bool file_continue_test(SuiteFile *file, const char *name) {
        for (size_t i = 0; i < file->n_specs_before; i++) {
                Spec *spec = file->specs[i];

                if (spec->kind == SPEC_TEST && strcmp(spec->name, name) == 0) {
                        file->current = spec;
                        file->section = SPEC_TEST;
                        return true;
                }
        }
        return false;
}

static int file_begin_test(SuiteFile *file, const char *name, const KeyfileLine *line) {
        if (!*name)
                return complain(file, line, "has no name; write [Test NAME]");
        if (!address_is_valid(name))
                return complain(file,
                                line,
                                "is not a good address; use printable characters, at most 1024");
        if (file_continue_test(file, name))
                return 0;
        return file_add_spec(file, SPEC_TEST, name, line);
}

static int file_begin_match(SuiteFile *file, const char *glob, const KeyfileLine *line) {
        if (!*glob)
                return complain(file, line, "has no pattern; write [Match GLOB]");
        return file_add_spec(file, SPEC_MATCH, glob, line);
}

static int complain_section(
                SuiteFile *file, const KeyfileLine *line, const char *word, size_t length) {
        static const char *const known[] = { "Suite", "Worker", "Test", "Match" };
        _cleanup_free_ char *kind = strndup(word, length);

        if (!kind)
                return -ENOMEM;
        if (strcmp(kind, "Context") == 0)
                return complain(file, line, "contexts are not supported by this version");

        const char *nearest = problems_find_nearest(kind, known, ELEMENTSOF(known));
        if (nearest)
                return problems_add(
                                file->problems,
                                line->path,
                                line->line,
                                "unknown section [%s]; did you mean [%s%s]?",
                                line->section,
                                nearest,
                                strcmp(nearest, "Test") == 0                  ? " NAME" :
                                                strcmp(nearest, "Match") == 0 ? " GLOB" :
                                                                                "");
        return problems_add(
                        file->problems,
                        line->path,
                        line->line,
                        "unknown section [%s]; there are [Suite], [Worker], [Test NAME] and [Match GLOB]",
                        line->section);
}

static bool word_is(const char *word, size_t length, const char *expected) {
        return strlen(expected) == length && memcmp(word, expected, length) == 0;
}

static int file_begin_section(SuiteFile *file, const KeyfileLine *line) {
        const char *word = line->section;
        size_t length = strcspn(word, " \t");
        const char *name = word + length + strspn(word + length, " \t");

        /* The keys of a section that is not known are not looked at: one mistake, one problem. */
        file->current = NULL;

        if (word_is(word, length, "Test"))
                return file_begin_test(file, name, line);
        if (word_is(word, length, "Match"))
                return file_begin_match(file, name, line);
        if (*name || (!word_is(word, length, "Suite") && !word_is(word, length, "Worker")))
                return complain_section(file, line, word, length);

        file->current = file->defaults;
        file->section = *word == 'S' ? SPEC_SUITE : SPEC_WORKER;
        return 0;
}

static int file_on_line(const KeyfileLine *line, void *userdata) {
        SuiteFile *file = userdata;

        if (!line->key)
                return file_begin_section(file, line);
        if (!file->current)
                return 0;
        return suite_file_assign(file, line);
}

/* ---- Drop-ins ---- */

typedef struct DropIns {
        char **names; /* sorted later */
        char **paths; /* of the same length */
} DropIns;

static void drop_ins_done(DropIns *drop_ins) {
        strv_free(drop_ins->names);
        strv_free(drop_ins->paths);
}

/* Those of one directory, unless an earlier directory has one of the same name. */
static int drop_ins_find(DropIns *drop_ins, const char *directory, const char *file_name) {
        _cleanup_free_ char *base = NULL, *path = NULL;
        struct dirent **entries = NULL;
        int n, r;

        r = path_join(directory, file_name, &base);
        if (r >= 0)
                r = text_setf(&path, "%s.d", base);
        if (r < 0)
                return r;

        n = scandir(path, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;

                if (r >= 0 && *name != '.' && text_ends_with(name, ".conf") &&
                    !strv_contains(drop_ins->names, name)) {
                        r = strv_extend(&drop_ins->names, name);
                        if (r >= 0)
                                r = strv_extendf(&drop_ins->paths, "%s/%s", path, name);
                }
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int drop_in_compare(const void *a, const void *b) {
        return strcmp(path_basename(*(char *const *)a), path_basename(*(char *const *)b));
}

static int file_read_drop_ins(SuiteFile *file) {
        _cleanup_(drop_ins_done) DropIns drop_ins = {};
        const char *name = path_basename(file->path);
        int r;

        r = drop_ins_find(&drop_ins, file->directory, name);
        strv_for_each(directory, loader_get_search_path())
                if (r >= 0)
                        r = drop_ins_find(&drop_ins, *directory, name);
        if (r < 0 || !drop_ins.paths)
                return r;

        qsort(drop_ins.paths, strv_length(drop_ins.paths), sizeof(char *), drop_in_compare);
        strv_for_each(path, drop_ins.paths) {
                struct stat st;

                /* A link to /dev/null masks the one of that name further down the search path. */
                if (stat(*path, &st) >= 0 && S_ISCHR(st.st_mode))
                        continue;

                file->current = NULL;
                file->n_specs_before = file->n_specs;
                r = keyfile_read(*path, KEYFILE_CONTINUE, file_on_line, file, file->problems);
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

/* ---- The whole ---- */

static int file_init(SuiteFile *file, const char *path, LoadProblems *problems) {
        _cleanup_(suite_freep) Suite *suite = NULL;
        const char *base = path_basename(path);
        int r;

        *file = (SuiteFile){ .problems = problems };
        file->path = strdup(path);
        file->directory = strndup(path, (size_t)(base - path));
        if (!file->path || !file->directory)
                return -ENOMEM;

        /* The model knows what settings are at first. */
        r = suite_new("_", &suite);
        if (r < 0)
                return r;
        file->settings = suite->settings;
        return spec_new(SPEC_SUITE, "", path, 0, &file->defaults);
}

int suite_file_read(SuiteFile *file, const char *path, LoadProblems *problems) {
        int r;

        r = file_init(file, path, problems);
        if (r < 0)
                return r;
        r = keyfile_read(path, KEYFILE_CONTINUE, file_on_line, file, problems);
        if (r < 0)
                return r;
        return file_read_drop_ins(file);
}

static int spec_apply_env(const Spec *spec, Test *test) {
        for (size_t i = 0; i < spec->values->n_env; i++) {
                const EnvOp *op = &spec->values->env[i];
                int r = test_add_env(test, op->kind, op->name, op->value, op->separator);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int replace_string(char **field, const char *value) {
        if (!value)
                return 0;

        char *copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

int spec_apply(const Spec *spec, Test *test) {
        const Test *values = spec->values;
        int r;

        if (spec->given & SPEC_PROTOCOL)
                test->protocol = values->protocol;
        if (spec->given & SPEC_TIMEOUT)
                test->timeout_usec = values->timeout_usec;
        if (spec->given & SPEC_GRACE)
                test->grace_usec = values->grace_usec;
        if (spec->given & SPEC_SIGNAL)
                test->timeout_signal = values->timeout_signal;
        if (spec->given & SPEC_SHOULD_FAIL)
                test->should_fail = values->should_fail;
        if (spec->given & SPEC_EXCLUSIVE)
                test->exclusive = values->exclusive;
        if (spec->given & SPEC_PRIORITY)
                test->priority = values->priority;
        if (spec->given & SPEC_OUTPUT_MAX)
                test->output_max = values->output_max;

        r = replace_string(&test->workdir, values->workdir);
        if (r >= 0)
                r = replace_string(&test->description, values->description);
        if (r >= 0)
                r = strv_extend_strv(&test->tags, values->tags);
        return r < 0 ? r : spec_apply_env(spec, test);
}
