/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/context.h"

#include <errno.h>
#include <string.h>

static const char *const mode_names[CONTEXT_MODE_MAX] = {
        [CONTEXT_WHOLE] = "whole",
        [CONTEXT_SPLIT] = "split",
        [CONTEXT_SHARED] = "shared",
};

int context_new(const char *name, Context **ret) {
        _cleanup_(context_freep) Context *context = calloc(1, sizeof(Context));

        if (!context)
                return -ENOMEM;
        context->name = strdup(name);
        if (!context->name)
                return -ENOMEM;
        *ret = TAKE_PTR(context);
        return 0;
}

Context *context_free(Context *context) {
        if (!context)
                return NULL;
        test_free(context->set_up);
        test_free(context->tear_down);
        free(context->name);
        free(context->description);
        free(context->source);
        free(context);
        return NULL;
}

static ContextProblem context_check(Context *const *contexts, size_t n, uint32_t number) {
        const Context *context = contexts[number - 1];
        uint32_t at = context->parent;
        bool in_split = false, in_whole = false;

        for (size_t steps = 0; at != CONTEXT_NONE; steps++) {
                if (steps == n)
                        return CONTEXT_IS_CYCLE;
                in_split |= contexts[at - 1]->mode == CONTEXT_SPLIT;
                in_whole |= contexts[at - 1]->mode == CONTEXT_WHOLE;
                at = contexts[at - 1]->parent;
        }
        /* Inside a whole one it counts as whole, wherever that one is. */
        return context->mode == CONTEXT_SHARED && in_split && !in_whole ? CONTEXT_IS_SHARED_SPLIT :
                                                                          CONTEXT_GOOD;
}

ContextProblem contexts_check(Context *const *contexts, size_t n, uint32_t *ret_number) {
        for (size_t i = 0; i < n; i++) {
                ContextProblem problem = context_check(contexts, n, (uint32_t)i + 1);

                if (problem != CONTEXT_GOOD) {
                        *ret_number = (uint32_t)i + 1;
                        return problem;
                }
        }
        return CONTEXT_GOOD;
}

bool contexts_is_within(Context *const *contexts, uint32_t number, uint32_t outer) {
        if (outer == CONTEXT_NONE)
                return false;
        while (number != CONTEXT_NONE && number != outer)
                number = contexts[number - 1]->parent;
        return number == outer;
}

uint32_t contexts_find_unit(Context *const *contexts, uint32_t number) {
        uint32_t unit = CONTEXT_NONE;

        for (; number != CONTEXT_NONE; number = contexts[number - 1]->parent)
                if (contexts[number - 1]->mode == CONTEXT_WHOLE)
                        unit = number;
        return unit;
}

const char *context_mode_to_string(ContextMode mode) {
        return mode >= 0 && mode < CONTEXT_MODE_MAX ? mode_names[mode] : NULL;
}

ContextMode context_mode_from_string(const char *s) {
        for (ContextMode mode = 0; mode < CONTEXT_MODE_MAX; mode++)
                if (strcmp(mode_names[mode], s) == 0)
                        return mode;
        return CONTEXT_MODE_INVALID;
}
