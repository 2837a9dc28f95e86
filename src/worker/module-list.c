/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/module-list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "basic/fd.h"
#include "basic/log.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/module-load.h"
#include "worker/module-step.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

/* A module's text may be anything; JSON's is UTF-8. NULL is left out. */
static int object_add_text(json_t *object, const char *key, const char *text) {
        _cleanup_free_ char *escaped = NULL;

        if (!text)
                return 0;
        escaped = text_escape(text, strlen(text));
        if (!escaped)
                return -ENOMEM;
        return json_object_set_new(object, key, json_string(escaped)) < 0 ? -ENOMEM : 0;
}

/* 0 is left out. */
static int object_add_number(json_t *object, const char *key, int64_t value) {
        if (value == 0)
                return 0;
        return json_object_set_new(object, key, json_integer(value)) < 0 ? -ENOMEM : 0;
}

static int object_add_true(json_t *object, const char *key, bool value) {
        if (!value)
                return 0;
        return json_object_set_new(object, key, json_true()) < 0 ? -ENOMEM : 0;
}

static int object_add_tags(json_t *object, const char *tags) {
        _cleanup_strv_ char **words = NULL;
        _cleanup_json_ json_t *array = json_array();
        int r;

        if (!array)
                return -ENOMEM;
        r = tags ? strv_split(tags, " \t", &words) : 0;
        if (r < 0 || strv_length(words) == 0)
                return r;
        strv_for_each(word, words) {
                _cleanup_free_ char *escaped = text_escape(*word, strlen(*word));

                if (!escaped || json_array_append_new(array, json_string(escaped)) < 0)
                        return -ENOMEM;
        }
        return json_object_set(object, "tags", array) < 0 ? -ENOMEM : 0;
}

static int object_write(const json_t *object, FILE *file) {
        return json_dumpf(object, file, JSON_COMPACT) < 0 || fputc('\n', file) == EOF ? -EIO : 0;
}

static int context_write(const ModuleContext *context, FILE *file) {
        static const char *const modes[] = { "whole", "split", "shared" };
        const PtestContext *c = context->context;
        _cleanup_json_ json_t *object = json_object();
        int r;

        r = object_add_text(object, "context", context->name);
        if (r >= 0)
                r = object_add_text(
                                object, "parent", context->parent ? context->parent->name : NULL);
        if (r >= 0)
                r = object_add_text(object, "mode", modes[c->options.mode]);
        if (r >= 0)
                r = object_add_true(object, "set_up", c->options.set_up);
        if (r >= 0)
                r = object_add_true(object, "tear_down", c->options.tear_down);
        if (r >= 0)
                r = object_add_number(
                                object,
                                "set_up_timeout_usec",
                                (int64_t)c->options.set_up_timeout_ms * 1000);
        if (r >= 0)
                r = object_add_number(
                                object,
                                "tear_down_timeout_usec",
                                (int64_t)c->options.tear_down_timeout_ms * 1000);
        if (r >= 0)
                r = object_add_text(object, "description", c->options.description);
        if (r >= 0)
                r = object_add_text(object, "file", c->file);
        if (r >= 0)
                r = object_add_number(object, "line", c->line);
        return r < 0 ? r : object_write(object, file);
}

static const char *isolation_to_string(const PtestOptions *options) {
        if (options->expect_signal || options->expect_exit_ ||
            options->isolation == PTEST_ISOLATION_PROCESS)
                return "process";
        return options->isolation == PTEST_ISOLATION_NONE ? "none" : NULL;
}

static int case_write(const ModuleCase *value, const char *name, FILE *file) {
        const PtestTest *test = value->test;
        const PtestOptions *options = &test->options;
        _cleanup_json_ json_t *object = json_object();
        int r;

        r = object_add_text(object, test->kind == PTEST_KIND_TEMPLATE ? "template" : "test", name);
        if (r >= 0)
                r = object_add_text(
                                object, "context", value->context ? value->context->name : NULL);
        if (r >= 0)
                r = object_add_number(object, "timeout_usec", (int64_t)options->timeout_ms * 1000);
        if (r >= 0)
                r = object_add_text(object, "should_fail", options->should_fail);
        if (r >= 0)
                r = object_add_tags(object, options->tags);
        if (r >= 0)
                r = object_add_number(object, "priority", options->priority);
        if (r >= 0)
                r = object_add_true(object, "exclusive", options->exclusive);
        if (r >= 0)
                r = object_add_text(object, "isolation", isolation_to_string(options));
        if (r >= 0)
                r = object_add_text(object, "description", options->description);
        if (r >= 0)
                r = object_add_text(object, "file", test->file);
        if (r >= 0)
                r = object_add_number(object, "line", test->line);
        return r < 0 ? r : object_write(object, file);
}

static int head_write(const char *path, FILE *file) {
        _cleanup_json_ json_t *object = json_object();
        int r;

        r = object_add_text(object, "module", path);
        if (r >= 0)
                r = object_add_number(object, "abi", PTEST_MODULE_ABI);
        return r < 0 ? r : object_write(object, file);
}

static int module_write(const Module *module, const char *path, FILE *file) {
        const size_t n_contexts = module_count_contexts(module),
                     n_cases = module_count_cases(module);
        size_t n_tests = 0;
        int r;

        r = head_write(path, file);
        for (size_t i = 0; r >= 0 && i < n_contexts; i++)
                r = context_write(module_get_context(module, i), file);
        for (size_t i = 0; r >= 0 && i < n_cases; i++) {
                const char *name;
                const ModuleCase *value = module_get_case(module, i, &name);

                n_tests += value->test->kind != PTEST_KIND_TEMPLATE;
                r = case_write(value, name, file);
        }
        if (r < 0)
                return r;
        fprintf(file, "{\"end\":true,\"contexts\":%zu,\"tests\":%zu}\n", n_contexts, n_tests);
        return fflush(file) == EOF ? -errno : 0;
}

static int found_refuse(const PtestTest *test, const char *argument, void *userdata) {
        return -EPERM;
}

/* An assertion in a constructor has no test to fail: it is said on stderr, and the process ends. */
static int step_prepare(ModuleArea *area) {
        return step_init(&(StepOptions){
                        .area = area,
                        .err_fd = STDERR_FILENO,
                        .trace_fd = -1,
                        .on_found = found_refuse,
        });
}

static void filep_close(FILE **file) {
        if (*file)
                fclose(*file);
}

int module_list(const char *path) {
        _cleanup_(module_freep) Module *module = NULL;
        _cleanup_(filep_close) FILE *file = NULL;
        _cleanup_free_ ModuleArea *area = calloc(1, sizeof(ModuleArea));
        _cleanup_free_ char *why = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (!area)
                return -ENOMEM;
        r = step_prepare(area);
        if (r < 0)
                return r;
        /* What its constructors print is not the listing. */
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
        if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                return -errno;
        file = fdopen(fd, "w");
        if (!file)
                return -errno;
        (void)TAKE_FD(fd);

        r = module_load(path, step_get_runner(), &module, &why);
        if (r == -ELIBBAD)
                log_error("%s", why);
        if (r < 0)
                return r;
        return module_write(module, path, file);
}
