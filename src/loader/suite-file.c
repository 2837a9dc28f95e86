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

#include "basic/array.h"
#include "basic/file.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"

Spec *spec_free(Spec *spec) {
        if (!spec)
                return NULL;
        free(spec->name);
        test_free(spec->values);
        free(spec);
        return NULL;
}

/* The path is to live as long. */
static int spec_new(SpecKind kind, const char *name, const char *path, unsigned line, Spec **ret) {
        _cleanup_(spec_freep) Spec *spec = calloc(1, sizeof(Spec));
        int r;

        if (!spec)
                return -ENOMEM;
        spec->kind = kind;
        spec->line = line;
        spec->path = path;
        spec->name = strdup(name);
        if (!spec->name)
                return -ENOMEM;
        r = test_new(name, &spec->values);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(spec);
        return 0;
}

static void context_spec_free(ContextSpec *context) {
        spec_free(context->spec);
        strv_free(context->set_up.argv);
        strv_free(context->tear_down.argv);
        free(context);
}

void suite_file_done(SuiteFile *file) {
        for (size_t i = 0; i < file->n_from; i++)
                suite_from_done(&file->from[i]);
        free(file->from);
        for (size_t i = 0; i < file->n_matches; i++)
                spec_free(file->matches[i]);
        free(file->matches);
        spec_free(file->open);
        suite_free(file->tests);
        free(file->notes);
        free(file->found_notes);
        for (size_t i = 0; i < file->n_contexts; i++)
                context_spec_free(file->contexts[i]);
        free(file->contexts);
        spec_free(file->defaults);
        strv_free(file->paths);
        free(file->settings.worker_user);
        free(file->settings.worker_user_place);
        free(file->settings.worker_set_up);
        free(file->description);
        free(file->directory);
        free(file->path);
        *file = (SuiteFile){};
}

/* ---- [Test] sections, packed ---- */

static uint32_t file_find_path(const SuiteFile *file, const char *path) {
        uint32_t i = 0;

        while (file->paths[i] && file->paths[i] != path)
                i++;
        return i;
}

static int file_note(SuiteFile *file, const Spec *spec) {
        if (array_reserve(file->notes, file->n_notes_allocated, file->open_at + 1) < 0)
                return -ENOMEM;
        file->notes[file->open_at] = (SpecNote){
                .given = spec->given & 0x1ff,
                .exec_path = file_find_path(file, spec->exec_path) & 0x7fffff,
                .exec_line = spec->exec_line,
        };
        return 0;
}

/* Packs what has been read of a test. */
static int file_close_test(SuiteFile *file) {
        _cleanup_(spec_freep) Spec *spec = TAKE_PTR(file->open);
        int r;

        if (!spec)
                return 0;
        file->current = NULL;
        r = file_note(file, spec);
        if (r < 0)
                return r;
        if (file->open_at == file->tests->n_tests)
                return suite_add(file->tests, TAKE_PTR(spec->values));
        return suite_replace(file->tests, file->open_at, spec->values);
}

int suite_file_get_spec(const SuiteFile *file, size_t i, Spec **ret) {
        _cleanup_(spec_freep) Spec *spec = NULL;
        const PackedTest *packed = file->tests->tests[i];
        const SpecNote *note = &file->notes[i];
        Test *values;
        int r;

        r = spec_new(SPEC_TEST, packed->address, NULL, packed->line, &spec);
        if (r >= 0)
                r = packed_test_unpack(packed, &values);
        if (r < 0)
                return r;
        test_free(spec->values);
        spec->values = values;
        spec->path = values->source;
        spec->given = note->given;
        spec->exec_path = file->paths[note->exec_path];
        spec->exec_line = note->exec_line;
        *ret = TAKE_PTR(spec);
        return 0;
}

const FoundNote *suite_file_get_found_note(const SuiteFile *file, size_t i) {
        for (size_t n = file->n_found_notes; n > 0; n--)
                if (file->found_notes[n - 1].test == i)
                        return &file->found_notes[n - 1];
        return NULL;
}

/* ---- Sections ---- */

static int complain(SuiteFile *file, const KeyfileLine *line, const char *text) {
        return problems_add(file->problems, line->path, line->line, "[%s] %s", line->section, text);
}

static bool file_is_full(const SuiteFile *file) {
        return file->tests->n_tests + file->n_matches >= SUITE_FILE_SPECS_MAX;
}

/* The file's own copy of the path of the file that is being read, which is the last one. */
static const char *file_get_current_path(const SuiteFile *file) {
        return file->paths[strv_length(file->paths) - 1];
}

static void file_open_test(SuiteFile *file, Spec *spec, size_t at) {
        file->current = file->open = spec;
        file->open_at = at;
        file->section = SPEC_TEST;
}

/* A drop-in's section of a test that an earlier file has. Twice in one file is found at the end, by address. */
static int file_continue_test(SuiteFile *file, const char *name) {
        for (size_t i = 0; i < file->n_tests_before; i++)
                if (strcmp(file->tests->tests[i]->address, name) == 0) {
                        Spec *spec;
                        int r = suite_file_get_spec(file, i, &spec);

                        if (r < 0)
                                return r;
                        file_open_test(file, spec, i);
                        return 0;
                }
        return -ENOENT;
}

static int file_begin_test(SuiteFile *file, const char *name, const KeyfileLine *line) {
        _cleanup_(spec_freep) Spec *spec = NULL;
        int r;

        if (!*name)
                return complain(file, line, "has no name; write [Test NAME]");
        if (!address_is_valid(name))
                return complain(file,
                                line,
                                "is not a good address; use printable characters, at most 1024");
        r = file_continue_test(file, name);
        if (r != -ENOENT)
                return r;
        if (file_is_full(file))
                return complain(file, line, "is one section too many");

        r = spec_new(SPEC_TEST, name, file_get_current_path(file), line->line, &spec);
        if (r < 0)
                return r;
        spec->values->line = line->line;
        spec->values->source = strdup(line->path);
        if (!spec->values->source)
                return -ENOMEM;
        file_open_test(file, TAKE_PTR(spec), file->tests->n_tests);
        return 0;
}

static int file_begin_match(SuiteFile *file, const char *glob, const KeyfileLine *line) {
        _cleanup_(spec_freep) Spec *spec = NULL;
        int r;

        if (!*glob)
                return complain(file, line, "has no pattern; write [Match GLOB]");
        if (file_is_full(file))
                return complain(file, line, "is one section too many");

        r = spec_new(SPEC_MATCH, glob, file_get_current_path(file), line->line, &spec);
        if (r < 0)
                return r;
        r = array_fit(file->matches, file->n_matches + 1);
        if (r < 0)
                return r;
        file->current = file->matches[file->n_matches++] = TAKE_PTR(spec);
        file->section = SPEC_MATCH;
        return 0;
}

static int file_add_context(
                SuiteFile *file, const char *name, const KeyfileLine *line, uint32_t *ret) {
        ContextSpec *context;
        int r;

        if (file->n_contexts >= SUITE_CONTEXTS_MAX)
                return complain(file, line, "is about one context too many");
        r = array_fit(file->contexts, file->n_contexts + 1);
        if (r < 0)
                return r;
        context = calloc(1, sizeof(ContextSpec));
        if (!context)
                return -ENOMEM;
        r = spec_new(SPEC_CONTEXT, name, file_get_current_path(file), line->line, &context->spec);
        if (r < 0) {
                free(context);
                return r;
        }
        context->spec->context = context;
        file->contexts[file->n_contexts++] = context;
        *ret = (uint32_t)file->n_contexts;
        return 0;
}

int suite_file_name_context(
                SuiteFile *file, const char *name, const KeyfileLine *line, uint32_t *ret) {
        if (!address_is_valid(name) || strlen(name) > CONTEXT_NAME_MAX)
                return -EINVAL;
        for (size_t i = 0; i < file->n_contexts; i++)
                if (strcmp(file->contexts[i]->spec->name, name) == 0) {
                        *ret = (uint32_t)i + 1;
                        return 0;
                }
        return file_add_context(file, name, line, ret);
}

/* A drop-in goes on with one that is there; twice in one file is a mistake. */
static int file_begin_context(SuiteFile *file, const char *name, const KeyfileLine *line) {
        const char *path = file_get_current_path(file);
        ContextSpec *context;
        uint32_t number = 0;
        int r;

        if (!*name)
                return complain(file, line, "has no name; write [Context NAME]");
        r = suite_file_name_context(file, name, line, &number);
        if (r == -EINVAL)
                return complain(file,
                                line,
                                "is not a good name; use printable characters, at most 200");
        if (r < 0 || number == 0)
                return r;
        context = file->contexts[number - 1];
        if (context->section_path == path)
                return complain(file, line, "is there twice; give one of them another name");
        if (!context->section_path) {
                context->spec->path = path;
                context->spec->line = line->line;
        }
        context->section_path = path;
        file->current = context->spec;
        file->section = SPEC_CONTEXT;
        return 0;
}

static int complain_section(
                SuiteFile *file, const KeyfileLine *line, const char *word, size_t length) {
        static const char *const known[] = { "Suite", "Worker", "Test", "Match", "Context" };
        _cleanup_free_ char *kind = strndup(word, length);

        if (!kind)
                return -ENOMEM;

        const char *nearest = problems_find_nearest(kind, known, ELEMENTSOF(known));
        if (nearest)
                return problems_add(
                                file->problems,
                                line->path,
                                line->line,
                                "unknown section [%s]; did you mean [%s%s]?",
                                line->section,
                                nearest,
                                strcmp(nearest, "Test") == 0 || strcmp(nearest, "Context") == 0 ?
                                                " NAME" :
                                                strcmp(nearest, "Match") == 0 ? " GLOB" :
                                                                                "");
        return problems_add(
                        file->problems,
                        line->path,
                        line->line,
                        "unknown section [%s]; there are [Suite], [Worker], [Context NAME], [Test NAME] and [Match GLOB]",
                        line->section);
}

static bool word_is(const char *word, size_t length, const char *expected) {
        return strlen(expected) == length && memcmp(word, expected, length) == 0;
}

static int file_begin_section(SuiteFile *file, const KeyfileLine *line) {
        const char *word = line->section;
        size_t length = strcspn(word, " \t");
        const char *name = word + length + strspn(word + length, " \t");
        int r;

        r = file_close_test(file);
        if (r < 0)
                return r;
        /* The keys of a section that is not known are not looked at: one mistake, one problem. */
        file->current = NULL;

        if (word_is(word, length, "Test"))
                return file_begin_test(file, name, line);
        if (word_is(word, length, "Context"))
                return file_begin_context(file, name, line);
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

/*
 * Those of one directory, unless an earlier directory has one of the same name. One that is there and cannot be read
 * may change anything, so it is a problem.
 */
static int drop_ins_find(
                DropIns *drop_ins,
                const char *directory,
                const char *file_name,
                LoadProblems *problems) {
        _cleanup_free_ char *base = NULL, *path = NULL;
        struct dirent **entries = NULL;
        int n, r;

        r = path_join(directory, file_name, &base);
        if (r >= 0)
                r = text_setf(&path, "%s.d", base);
        if (r < 0)
                return r;

        n = scandir(path, &entries, NULL, alphasort);
        if (n < 0 && errno != ENOENT && errno != ENOTDIR)
                return errno == ENOMEM ? -ENOMEM :
                                         problems_add(problems, path, 0, "cannot be read: %m");
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

static int file_read_one(SuiteFile *file, const char *path) {
        int r, closed;

        file->current = NULL;
        file->n_tests_before = file->tests->n_tests;
        r = strv_extend(&file->paths, path);
        if (r < 0)
                return r;
        r = keyfile_read(path, KEYFILE_CONTINUE, file_on_line, file, file->problems);
        closed = file_close_test(file);
        return r < 0 ? r : closed;
}

static int file_read_drop_ins(SuiteFile *file) {
        _cleanup_(drop_ins_done) DropIns drop_ins = {};
        const char *name = path_basename(file->path);
        int r;

        r = drop_ins_find(&drop_ins, file->directory, name, file->problems);
        strv_for_each(directory, loader_get_search_path())
                if (r >= 0)
                        r = drop_ins_find(&drop_ins, *directory, name, file->problems);
        if (r < 0 || !drop_ins.paths)
                return r;

        qsort(drop_ins.paths, strv_length(drop_ins.paths), sizeof(char *), drop_in_compare);
        strv_for_each(path, drop_ins.paths) {
                struct stat st;

                /* A link to /dev/null masks the one of that name further down the search path. */
                if (stat(*path, &st) >= 0 && S_ISCHR(st.st_mode))
                        continue;

                r = file_read_one(file, *path);
                if (r == -ENOMEM)
                        return r;
        }
        return 0;
}

/* ---- The whole ---- */

static int file_init(SuiteFile *file, const char *path, LoadProblems *problems) {
        const char *base = path_basename(path);
        int r;

        *file = (SuiteFile){ .problems = problems };
        file->path = strdup(path);
        file->directory = strndup(path, (size_t)(base - path));
        if (!file->path || !file->directory)
                return -ENOMEM;

        r = suite_new("_", &file->tests);
        if (r < 0)
                return r;
        /* The model knows what settings are at first. */
        file->settings = file->tests->settings;
        return spec_new(SPEC_SUITE, "", file->path, 0, &file->defaults);
}

int suite_file_read(SuiteFile *file, const char *path, LoadProblems *problems) {
        int r;

        r = file_init(file, path, problems);
        if (r >= 0)
                r = file_read_one(file, path);
        return r < 0 ? r : file_read_drop_ins(file);
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
        if (spec->given & SPEC_CONTEXT_NAME)
                test->context = values->context;
        if (spec->given & SPEC_PRIORITY)
                test->priority = values->priority;
        if (spec->given & SPEC_OUTPUT_MAX)
                test->output_max = values->output_max;
        if (spec->given & SPEC_ISOLATION)
                test->isolate = values->isolate;
        test_limits_apply(&test->limits, &values->limits);
        test->private_places = private_places_apply(test->private_places, values->private_places);

        r = replace_string(&test->workdir, values->workdir);
        if (r >= 0)
                r = replace_string(&test->description, values->description);
        if (r >= 0)
                r = strv_extend_strv(&test->tags, values->tags);
        return r < 0 ? r : spec_apply_env(spec, test);
}
