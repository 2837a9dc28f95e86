/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"
#include "model/test-limits.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A test: one thing with one outcome, and what is needed to run it
 *
 * A test owns all it points to. Everything that depends on settings (suite file, command line) is resolved
 * by who makes it: a worker needs nothing else to run it.
 */

typedef enum TestProtocol {
        TEST_PROTOCOL_EXIT,  /* exit status: 0 pass, 77 skip, 99 error, other fail */
        TEST_PROTOCOL_TAP,   /* TAP 12 to 14 on stdout, and exit status */
        TEST_PROTOCOL_GTEST, /* as exit; a GoogleTest program */
        TEST_PROTOCOL_RUST,  /* lines "test NAME ... ok" of Rust's libtest, and exit status */
        TEST_PROTOCOL_MODULE, /* called in a module: argv is its path, and the test's or context's name there */
        TEST_PROTOCOL_MAX,
        TEST_PROTOCOL_INVALID = -22, /* -EINVAL */
} TestProtocol;

typedef enum EnvOpKind {
        ENV_OP_SET,
        ENV_OP_UNSET,  /* value is "" */
        ENV_OP_APPEND, /* to what the worker's environment has, with the separator between */
        ENV_OP_PREPEND,
        ENV_OP_MAX,
        ENV_OP_INVALID = -22, /* -EINVAL */
} EnvOpKind;

/* What a test has for itself, made before it and removed after it. */
typedef enum PrivatePlace {
        PRIVATE_TMP = 1 << 0,  /* TMPDIR */
        PRIVATE_HOME = 1 << 1, /* HOME */
        PRIVATE_ALL = PRIVATE_TMP | PRIVATE_HOME,
        /* Which of them was said, yes or no: what was not can come from around. Of no meaning once a suite is loaded. */
        PRIVATE_TMP_GIVEN = 1 << 2,
        PRIVATE_HOME_GIVEN = 1 << 3,
} PrivatePlace;

/* One change to the environment; applied in order. */
typedef struct EnvOp {
        EnvOpKind kind;
        char *name;
        char *value;
        char *separator; /* of append and prepend; never NULL there */
} EnvOp;

typedef struct Test {
        char *address; /* unique in the suite; see address.h */
        char **argv; /* program and arguments; the program is an absolute path, or relative to workdir */
        EnvOp *env;
        size_t n_env;
        char *workdir; /* absolute; NULL: where the worker is */
        TestProtocol protocol;
        bool should_fail; /* fail → xfail, pass → xpass; skip and error stay (formats.md, 0) */
        uint64_t timeout_usec; /* USEC_INFINITY: none */
        uint64_t grace_usec;   /* from the first signal to SIGKILL */
        int timeout_signal;
        uint64_t output_max; /* bytes kept of each stream */
        bool isolate; /* of a module: in a child of its own, unless the module says otherwise */
        TestLimits limits;
        unsigned private_places; /* PrivatePlace bits */
        bool keep_failed;        /* they stay if it does not pass */
        bool finds; /* a program that may bring forth tests: it is told where to write them */

        /* For the coordinator only; not sent to workers */
        char **found_argv; /* of one that finds: what its tests are run with, their words behind it */
        bool exclusive;    /* nothing beside it */
        int priority;      /* higher first; equal ones in the order of the suite */
        char **tags;
        char *description;
        char *source;     /* the file that defines it */
        unsigned line;    /* in source; 0: unknown */
        uint32_t context; /* its number in the suite, see context.h; 0: none */
        char *load_error; /* cannot be run: it ends as an error with these words, and is never sent */
} Test;

/* Timeouts, grace and limits as in the defaults of ptest.suite(5); takes nothing, copies the address. */
int test_new(const char *address, Test **ret);
Test *test_free(Test *test);
DEFINE_CLEANUP(Test, test_free);

/*
 * Copies the strings. separator NULL is ":"; it is unused by set and unset, value is unused by unset. -EINVAL: a name
 * that is empty or has a '='.
 */
int test_add_env(
                Test *test,
                EnvOpKind kind,
                const char *name,
                const char *value,
                const char *separator);

/* The environment that results: a copy of base with the changes applied in order. */
int env_apply(char *const *base, const EnvOp *ops, size_t n_ops, char ***ret);

const char *test_protocol_to_string(TestProtocol protocol);
TestProtocol test_protocol_from_string(const char *s);

#define TEST_TIMEOUT_DEFAULT (5 * USEC_PER_MINUTE)
#define TEST_GRACE_DEFAULT   (5 * USEC_PER_SEC)
