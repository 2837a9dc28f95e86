/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/test.h"

/*
 * A context: tests around one fixture, which is a set-up and a tear-down
 *
 * Contexts nest. In a suite they are numbered from 1 in their order; CONTEXT_NONE is no context. A fixture's
 * commands are held as tests: they have a command, an environment, limits and an outcome as tests do.
 */

typedef enum ContextMode {
        CONTEXT_WHOLE, /* one worker runs all of it; also all that is nested in it */
        CONTEXT_SPLIT, /* any worker runs any of its tests, and sets up and tears down for itself */
        CONTEXT_SHARED, /* set up once for all workers, in a process of its own */
        CONTEXT_MODE_MAX,
        CONTEXT_MODE_INVALID = -22, /* -EINVAL */
} ContextMode;

#define CONTEXT_NONE 0U

typedef struct Context {
        char *name;      /* unique in the suite */
        uint32_t parent; /* CONTEXT_NONE: it is not nested */
        ContextMode mode;
        bool exclusive;  /* nothing runs beside its tests */
        Test *set_up;    /* NULL: none */
        Test *tear_down; /* NULL: none */
        char *description;
        char *source; /* the file that defines it */
        unsigned line;
} Context;

/* What can be wrong with contexts as they are nested. */
typedef enum ContextProblem {
        CONTEXT_GOOD,
        CONTEXT_IS_CYCLE,        /* it is nested in itself */
        CONTEXT_IS_SHARED_SPLIT, /* a shared one inside a split one */
} ContextProblem;

/* Mode whole, no fixture. */
int context_new(const char *name, Context **ret);
Context *context_free(Context *context);
DEFINE_CLEANUP(Context, context_free);

/* *ret_number: the first one with a problem */
ContextProblem contexts_check(Context *const *contexts, size_t n, uint32_t *ret_number);

/* number is outer, or nested in it; nothing is nested in CONTEXT_NONE */
bool contexts_is_within(Context *const *contexts, uint32_t number, uint32_t outer);

/* The outermost whole context that it is in, itself included; CONTEXT_NONE: it is in none. */
uint32_t contexts_find_unit(Context *const *contexts, uint32_t number);

const char *context_mode_to_string(ContextMode mode);
ContextMode context_mode_from_string(const char *s);
