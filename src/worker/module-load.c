/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-load.h"

#include <assert.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "basic/array.h"
#include "basic/fd.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/address.h"

typedef struct NamedCase {
        ModuleCase value;
        char *name;
        UT_hash_handle hh;
} NamedCase;

struct Module {
        PtestModule *symbol; /* weak: the shared object's */

        ModuleContext *contexts;
        size_t n_contexts;

        NamedCase *cases; /* n_allocated of them; the table points into it */
        size_t n_cases, n_allocated;
        NamedCase *table;

        char argument[MODULE_ARGUMENT_MAX + 1];
};

Module *module_free(Module *module) {
        if (!module)
                return NULL;
        HASH_CLEAR(hh, module->table);
        for (size_t i = 0; i < module->n_cases; i++)
                free(module->cases[i].name);
        for (size_t i = 0; i < module->n_contexts; i++) {
                free(module->contexts[i].name);
                free(module->contexts[i].reason);
        }
        free(module->cases);
        free(module->contexts);
        free(module);
        return NULL;
}

/* ---- Contexts ---- */

static ModuleContext *context_find(const Module *module, const PtestContext *context) {
        ModuleContext *found = context->host;

        /* Of a context that was never registered, or of another module, it is nothing of ours. */
        return found >= module->contexts && found < module->contexts + module->n_contexts ? found :
                                                                                            NULL;
}

static int module_refuse(char **why, const char *format, ...) _printf_(2, 3);

static int module_refuse(char **why, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        int n = vasprintf(why, format, ap);
        va_end(ap);
        if (n < 0) {
                *why = NULL;
                return -ENOMEM;
        }
        return -ELIBBAD;
}

static bool name_is_valid(const char *name) {
        return name && address_is_valid(name) && strlen(name) <= MODULE_NAME_MAX;
}

static int context_check(const PtestContext *context, char **why) {
        if (context->size < sizeof(PtestContext))
                return module_refuse(why, "a context was made with another ptest/test.h");
        if (!name_is_valid(context->name) || strstr(context->name, "::"))
                return module_refuse(
                                why,
                                "%s:%u: not a name for a context",
                                context->file ?: "?",
                                context->line);
        if (context->options.mode > PTEST_MODE_SHARED)
                return module_refuse(
                                why,
                                "%s:%u: context %s has no mode that is known",
                                context->file,
                                context->line,
                                context->name);
        return 0;
}

static int context_count(const PtestModule *symbol, size_t *ret, char **why) {
        size_t n = 0;

        for (const PtestContext *c = symbol->first_context; c; c = c->next) {
                int r = context_check(c, why);

                if (r < 0)
                        return r;
                if (++n > MODULE_CONTEXTS_MAX)
                        return module_refuse(why, "more than %u contexts", MODULE_CONTEXTS_MAX);
        }
        *ret = n;
        return 0;
}

/* Name and depth, from the outermost parent inwards; and what cannot be held is refused. */
static int context_place(Module *module, ModuleContext *context, unsigned level, char **why) {
        const PtestContext *c = context->context;
        int r;

        if (context->name)
                return 0;
        if (level > MODULE_DEPTH_MAX)
                return module_refuse(
                                why,
                                "%s:%u: context %s is within itself, or too deep",
                                c->file,
                                c->line,
                                c->name);
        if (c->options.parent) {
                context->parent = context_find(module, c->options.parent);
                if (!context->parent)
                        return module_refuse(
                                        why,
                                        "%s:%u: context %s is within one that this module does not define",
                                        c->file,
                                        c->line,
                                        c->name);
                r = context_place(module, context->parent, level + 1, why);
                if (r < 0)
                        return r;
                context->depth = context->parent->depth + 1;
        }
        for (const ModuleContext *p = context->parent; p; p = p->parent)
                if (c->options.mode == PTEST_MODE_SHARED &&
                    p->context->options.mode == PTEST_MODE_SPLIT)
                        return module_refuse(
                                        why,
                                        "%s:%u: shared context %s is within the split context %s: "
                                        "it cannot be set up once, as that is set up many times",
                                        c->file,
                                        c->line,
                                        c->name,
                                        p->name);

        if (asprintf(&context->name,
                     "%s%s%s",
                     context->parent ? context->parent->name : "",
                     context->parent ? "::" : "",
                     c->name) < 0) {
                context->name = NULL;
                return -ENOMEM;
        }
        if (!name_is_valid(context->name))
                return module_refuse(
                                why,
                                "%s:%u: the name of context %s is too long",
                                c->file,
                                c->line,
                                c->name);
        return 0;
}

static int contexts_read(Module *module, char **why) {
        size_t n = 0;
        int r;

        r = context_count(module->symbol, &n, why);
        if (r < 0)
                return r;
        module->contexts = calloc(MAX(n, (size_t)1), sizeof(ModuleContext));
        if (!module->contexts)
                return -ENOMEM;
        for (PtestContext *c = module->symbol->first_context; c; c = c->next) {
                ModuleContext *context = &module->contexts[module->n_contexts++];

                context->context = c;
                c->host = context;
        }
        for (size_t i = 0; i < module->n_contexts; i++) {
                r = context_place(module, &module->contexts[i], 0, why);
                if (r < 0)
                        return r;
                for (size_t j = 0; j < i; j++)
                        if (strcmp(module->contexts[i].name, module->contexts[j].name) == 0)
                                return module_refuse(
                                                why,
                                                "there are two contexts named %s",
                                                module->contexts[i].name);
        }
        return 0;
}

/* ---- Cases ---- */

/* "context::test" */
static int test_make_name(
                const PtestTest *test,
                const ModuleContext *context,
                const char *argument,
                char **ret) {
        if (asprintf(ret,
                     "%s%s%s%s%s%s",
                     context ? context->name : "",
                     context ? "::" : "",
                     test->name,
                     argument ? "[" : "",
                     argument ?: "",
                     argument ? "]" : "") < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int case_make_argument(const PtestTest *test, size_t i, char **ret) {
        const char *label = NULL;

        *ret = NULL;
        if (test->kind == PTEST_KIND_TABLE && test->label)
                label = test->label(i);
        if (label) {
                *ret = text_escape(label, strlen(label));
                return *ret ? 0 : -ENOMEM;
        }

        int n = 0;

        if (test->kind == PTEST_KIND_TABLE)
                n = asprintf(ret, "%zu", i);
        else if (test->kind == PTEST_KIND_RANGE)
                n = asprintf(ret, "%" PRId64, test->first + (int64_t)i);
        if (n < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int module_add_case(Module *module, const ModuleCase *value, char **why) {
        _cleanup_free_ char *argument = NULL, *name = NULL;
        const PtestTest *test = value->test;
        int r;

        r = case_make_argument(test, value->index, &argument);
        if (r < 0)
                return r;
        r = test_make_name(test, value->context, argument, &name);
        if (r < 0)
                return r;
        if (!name_is_valid(name))
                return module_refuse(
                                why,
                                "%s:%u: the name of test %.100s… is longer than %u bytes",
                                test->file ?: "?",
                                test->line,
                                name,
                                MODULE_NAME_MAX);
        if (module->n_cases == MODULE_TESTS_MAX)
                return module_refuse(
                                why,
                                "%s:%u: with test %s there are more than %u tests",
                                test->file ?: "?",
                                test->line,
                                test->name,
                                MODULE_TESTS_MAX);
        if (array_reserve(module->cases, module->n_allocated, module->n_cases + 1) < 0)
                return -ENOMEM;
        module->cases[module->n_cases++] = (NamedCase){ .value = *value, .name = TAKE_PTR(name) };
        return 0;
}

static int test_check(const PtestTest *test, char **why) {
        if (test->size < sizeof(PtestTest))
                return module_refuse(why, "a test was made with another ptest/test.h");
        if (!test->run || !test->name || test->kind > PTEST_KIND_TEMPLATE)
                return module_refuse(why, "%s:%u: not a test", test->file ?: "?", test->line);
        if (!name_is_valid(test->name))
                return module_refuse(
                                why, "%s:%u: not a name for a test", test->file ?: "?", test->line);
        if (test->options.isolation > PTEST_ISOLATION_PROCESS)
                return module_refuse(
                                why,
                                "%s:%u: test %s has no isolation that is known",
                                test->file,
                                test->line,
                                test->name);
        return 0;
}

static int test_read(Module *module, const PtestTest *test, char **why) {
        ModuleCase value = { .test = test };
        size_t n = test->kind == PTEST_KIND_TABLE || test->kind == PTEST_KIND_RANGE ? test->count :
                                                                                      1;
        int r;

        r = test_check(test, why);
        if (r < 0)
                return r;
        if (test->context) {
                value.context = context_find(module, test->context);
                if (!value.context)
                        return module_refuse(
                                        why,
                                        "%s:%u: test %s is in a context that this module does not define",
                                        test->file,
                                        test->line,
                                        test->name);
        }
        for (; value.index < n; value.index++) {
                r = module_add_case(module, &value, why);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* After all are there: the array does not move any more. */
static int table_fill(Module *module, char **why) {
        for (size_t i = 0; i < module->n_cases; i++) {
                NamedCase *named = &module->cases[i], *other = NULL;

                HASH_FIND_STR(module->table, named->name, other);
                if (other)
                        return module_refuse(
                                        why,
                                        "two tests are named %s: %s:%u and %s:%u",
                                        named->name,
                                        other->value.test->file,
                                        other->value.test->line,
                                        named->value.test->file,
                                        named->value.test->line);
                HASH_ADD_KEYPTR(hh, module->table, named->name, strlen(named->name), named);
        }
        return 0;
}

static int cases_read(Module *module, char **why) {
        for (const PtestTest *test = module->symbol->first_test; test; test = test->next) {
                int r = test_read(module, test, why);

                if (r < 0)
                        return r;
        }
        return table_fill(module, why);
}

/* ---- */

static int symbol_find(void *handle, const char *path, PtestModule **ret, char **why) {
        PtestModule *symbol = dlsym(handle, "ptest_module_v1");

        if (!symbol)
                return module_refuse(
                                why,
                                "%s is not a test module: it does not export ptest_module_v1 (ptest/test.h)",
                                path);
        if (symbol->abi != PTEST_MODULE_ABI || symbol->size < sizeof(PtestModule))
                return module_refuse(
                                why,
                                "%s was made with another version of ptest/test.h: %u, this is %u",
                                path,
                                symbol->abi,
                                PTEST_MODULE_ABI);
        *ret = symbol;
        return 0;
}

/* -ENOEXEC: not an ELF file of this class and byte order */
static int elf_get_machine(const char *path, unsigned *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        const unsigned order = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB;
        ElfW(Ehdr) head;

        if (fd < 0)
                return -errno;
        if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
            memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
            head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
            head.e_ident[EI_DATA] != order)
                return -ENOEXEC;
        *ret = head.e_machine;
        return 0;
}

/* Of a module for another machine glibc only says that there is no such file. */
static int module_refuse_unopened(const char *path, const char *words, char **why) {
        unsigned machine = EM_NONE, own = EM_NONE;

        if (elf_get_machine(path, &machine) < 0 || elf_get_machine("/proc/self/exe", &own) < 0 ||
            machine == own)
                return module_refuse(why, "%s", words);
        return module_refuse(
                        why,
                        "%s (it was built for another machine: that of ELF files with number %u, and this is %u)",
                        words,
                        machine,
                        own);
}

static int symbol_open(const char *path, const PtestRunner *runner, PtestModule **ret, char **why) {
        PtestModule *symbol = NULL;
        void *handle;
        int r;

        handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!handle)
                return module_refuse_unopened(path, dlerror(), why);
        r = symbol_find(handle, path, &symbol, why);
        if (r < 0)
                return r;
        symbol->runner = runner;
        *ret = symbol;
        return 0;
}

int module_load_worker_set_up(
                const char *path,
                const PtestRunner *runner,
                const PtestModule **ret,
                char **ret_why) {
        PtestModule *symbol = NULL;
        int r;

        r = symbol_open(path, runner, &symbol, ret_why);
        if (r < 0)
                return r;
        if (!symbol->worker_set_up)
                return module_refuse(ret_why, "%s has no PTEST_WORKER_SET_UP", path);
        *ret = symbol;
        return 0;
}

int module_load(const char *path, const PtestRunner *runner, Module **ret, char **ret_why) {
        _cleanup_(module_freep) Module *module = NULL;
        _cleanup_free_ char *why = NULL;
        int r;

        module = calloc(1, sizeof(Module));
        if (!module)
                return -ENOMEM;
        r = symbol_open(path, runner, &module->symbol, &why);
        if (r >= 0) {
                if (module->symbol->populate)
                        module->symbol->populate();
                r = contexts_read(module, &why);
        }
        if (r >= 0)
                r = cases_read(module, &why);
        if (r < 0) {
                *ret_why = TAKE_PTR(why);
                return r;
        }
        *ret = TAKE_PTR(module);
        return 0;
}

const PtestModule *module_get(const Module *module) {
        return module->symbol;
}

size_t module_count_contexts(const Module *module) {
        return module->n_contexts;
}

ModuleContext *module_get_context(const Module *module, size_t i) {
        assert(i < module->n_contexts);
        return &module->contexts[i];
}

ModuleContext *module_find_context(const Module *module, const char *name) {
        for (size_t i = 0; i < module->n_contexts; i++)
                if (strcmp(module->contexts[i].name, name) == 0)
                        return &module->contexts[i];
        return NULL;
}

size_t module_count_cases(const Module *module) {
        return module->n_cases;
}

const ModuleCase *module_get_case(const Module *module, size_t i, const char **ret_name) {
        assert(i < module->n_cases);
        *ret_name = module->cases[i].name;
        return &module->cases[i].value;
}

/* "template[argument]": the first bracket behind which the name of a template ends */
static const ModuleCase *template_find(
                Module *module, const char *name, const char **ret_argument) {
        size_t length = strlen(name);

        if (length == 0 || name[length - 1] != ']')
                return NULL;
        for (const char *open = strchr(name, '['); open; open = strchr(open + 1, '[')) {
                const size_t size = length - 1 - (size_t)(open + 1 - name);
                NamedCase *named = NULL;

                HASH_FIND(hh, module->table, name, (size_t)(open - name), named);
                if (!named || named->value.test->kind != PTEST_KIND_TEMPLATE ||
                    size > MODULE_ARGUMENT_MAX)
                        continue;
                memcpy(module->argument, open + 1, size);
                module->argument[size] = '\0';
                *ret_argument = module->argument;
                return &named->value;
        }
        return NULL;
}

const ModuleCase *module_find_case(Module *module, const char *name, const char **ret_argument) {
        NamedCase *named = NULL;

        *ret_argument = NULL;
        HASH_FIND_STR(module->table, name, named);
        if (!named)
                return template_find(module, name, ret_argument);
        return named->value.test->kind == PTEST_KIND_TEMPLATE ? NULL : &named->value;
}

int module_make_name(
                const Module *module, const PtestTest *test, const char *argument, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        if (test->kind != PTEST_KIND_TEMPLATE || strlen(argument) > MODULE_ARGUMENT_MAX)
                return -EINVAL;
        r = test_make_name(
                        test,
                        test->context ? context_find(module, test->context) : NULL,
                        argument,
                        &name);
        if (r < 0)
                return r;
        if (!name_is_valid(name))
                return -EINVAL;
        *ret = TAKE_PTR(name);
        return 0;
}
