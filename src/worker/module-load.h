/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "ptest/test.h"

#include "basic/macros.h"

/*
 * Loading: a test module in this process, and what is in it
 *
 * Everything of the module stays its own and is never unloaded: its threads and handlers may outlive any dlclose().
 * Only for a process that may be hurt by it: constructors run.
 */

/* More tests than a suite can have. */
#define MODULE_TESTS_MAX    1000000U
#define MODULE_CONTEXTS_MAX 100000U
/* Nesting of contexts: what is deeper is a circle. */
#define MODULE_DEPTH_MAX    64U
/* Of a name with contexts and argument; ADDRESS_MAX must hold the path as well. */
#define MODULE_NAME_MAX     768U
#define MODULE_ARGUMENT_MAX 512U

typedef struct ModuleContext ModuleContext;

struct ModuleContext {
        const PtestContext *context; /* weak: the module's */
        ModuleContext *parent;
        char *name; /* "outer::inner" */
        unsigned depth;

        /* Of who runs tests */
        bool up;
        bool failed;      /* its set-up was tried and failed */
        uint32_t outcome; /* of its tests then: not-run or skip */
        char *reason;
        ModuleContext *next_up; /* weak: set up before this one */
};

/* What one address stands for. */
typedef struct ModuleCase {
        const PtestTest *test;  /* weak: the module's */
        ModuleContext *context; /* weak; NULL: in none */
        size_t index;           /* of a table or range */
} ModuleCase;

typedef struct Module Module;

/*
 * -ELIBBAD with *ret_why, in the loader's words or ours; -ENOMEM. runner is what assertions call, for good.
 */
int module_load(const char *path, const PtestRunner *runner, Module **ret, char **ret_why);
/* The same for a module that is loaded for its worker's set-up alone: what else is in it is not looked at. */
int module_load_worker_set_up(
                const char *path,
                const PtestRunner *runner,
                const PtestModule **ret,
                char **ret_why);
/* Does not unload. */
Module *module_free(Module *module);
DEFINE_CLEANUP(Module, module_free);

const PtestModule *module_get(const Module *module);

size_t module_count_contexts(const Module *module);
ModuleContext *module_get_context(const Module *module, size_t i);
ModuleContext *module_find_context(const Module *module, const char *name);

/* Tests and templates, in the order of the module. */
size_t module_count_cases(const Module *module);
const ModuleCase *module_get_case(const Module *module, size_t i, const char **ret_name);

/*
 * The case of a name, "context::case[arg]". For one made of a template, *ret_argument is its argument, a part of a
 * buffer that the next call overwrites; NULL otherwise. NULL: there is none
 */
const ModuleCase *module_find_case(Module *module, const char *name, const char **ret_argument);

/* The name that a template's test has with an argument; -EINVAL: not a template, or not an argument */
int module_make_name(const Module *module, const PtestTest *test, const char *argument, char **ret);
