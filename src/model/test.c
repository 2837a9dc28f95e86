/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/test.h"

#include "ptest/protocol.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/array.h"
#include "basic/strv.h"

static const char *const protocol_names[TEST_PROTOCOL_MAX] = {
        [TEST_PROTOCOL_EXIT] = "exit",     [TEST_PROTOCOL_TAP] = "tap",
        [TEST_PROTOCOL_GTEST] = "gtest",   [TEST_PROTOCOL_RUST] = "rust",
        [TEST_PROTOCOL_MODULE] = "module",
};

int test_new(const char *address, Test **ret) {
        _cleanup_(test_freep) Test *test = calloc(1, sizeof(Test));

        if (!test)
                return -ENOMEM;

        test->address = strdup(address);
        if (!test->address)
                return -ENOMEM;
        test->protocol = TEST_PROTOCOL_EXIT;
        test->timeout_usec = TEST_TIMEOUT_DEFAULT;
        test->grace_usec = TEST_GRACE_DEFAULT;
        test->timeout_signal = SIGINT;
        test->output_max = PTEST_OUTPUT_MAX_DEFAULT;
        test->limits = TEST_LIMITS_NONE;

        *ret = TAKE_PTR(test);
        return 0;
}

static void env_op_done(EnvOp *op) {
        free(op->name);
        free(op->value);
        free(op->separator);
}

Test *test_free(Test *test) {
        if (!test)
                return NULL;

        for (size_t i = 0; i < test->n_env; i++)
                env_op_done(&test->env[i]);
        free(test->env);
        strv_free(test->argv);
        strv_free(test->found_argv);
        strv_free(test->tags);
        free(test->address);
        free(test->workdir);
        free(test->description);
        free(test->source);
        free(test->load_error);
        free(test);
        return NULL;
}

static bool env_op_has_separator(EnvOpKind kind) {
        return kind == ENV_OP_APPEND || kind == ENV_OP_PREPEND;
}

int test_add_env(
                Test *test,
                EnvOpKind kind,
                const char *name,
                const char *value,
                const char *separator) {
        if (kind < 0 || kind >= ENV_OP_MAX || name[0] == '\0' || strchr(name, '='))
                return -EINVAL;

        _cleanup_(env_op_done) EnvOp op = {
                .kind = kind,
                .name = strdup(name),
                .value = strdup(kind == ENV_OP_UNSET || !value ? "" : value),
                .separator = env_op_has_separator(kind) ? strdup(separator ?: ":") : NULL,
        };

        if (!op.name || !op.value || (env_op_has_separator(kind) && !op.separator) ||
            array_fit(test->env, test->n_env + 1) < 0)
                return -ENOMEM;
        test->env[test->n_env++] = op;
        op = (EnvOp){};
        return 0;
}

/* The value in "NAME=value", or NULL if that is another variable. */
static const char *env_match(const char *assignment, const char *name) {
        size_t length = strlen(name);

        if (strncmp(assignment, name, length) != 0 || assignment[length] != '=')
                return NULL;
        return assignment + length + 1;
}

/* The first, as getenv() takes it. */
static const char *env_find(char *const *env, const char *name) {
        strv_for_each(s, env) {
                const char *value = env_match(*s, name);

                if (value)
                        return value;
        }
        return NULL;
}

/* Every occurrence; some programs read the first, others the last. */
static void env_remove(char **env, const char *name) {
        size_t to = 0;

        for (size_t i = 0; env && env[i]; i++) {
                if (env_match(env[i], name))
                        free(env[i]);
                else
                        env[to++] = env[i];
        }
        if (env)
                env[to] = NULL;
}

static int env_apply_one(char ***env, const EnvOp *op) {
        _cleanup_free_ char *assignment = NULL;
        const char *old = env_find(*env, op->name);
        int n;

        if (op->kind == ENV_OP_UNSET) {
                env_remove(*env, op->name);
                return 0;
        }

        /* What is set to nothing is set: as with Meson, it gets the separator too. */
        if (old && op->kind == ENV_OP_APPEND)
                n = asprintf(&assignment, "%s=%s%s%s", op->name, old, op->separator, op->value);
        else if (old && op->kind == ENV_OP_PREPEND)
                n = asprintf(&assignment, "%s=%s%s%s", op->name, op->value, op->separator, old);
        else
                n = asprintf(&assignment, "%s=%s", op->name, op->value);
        if (n < 0)
                return -ENOMEM;

        env_remove(*env, op->name);
        return strv_consume(env, TAKE_PTR(assignment));
}

int env_apply(char *const *base, const EnvOp *ops, size_t n_ops, char ***ret) {
        _cleanup_strv_ char **env = strv_copy(base);

        if (!env)
                return -ENOMEM;

        for (size_t i = 0; i < n_ops; i++) {
                int r = env_apply_one(&env, &ops[i]);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(env);
        return 0;
}

const char *test_protocol_to_string(TestProtocol protocol) {
        if (protocol < 0 || protocol >= TEST_PROTOCOL_MAX)
                return NULL;
        return protocol_names[protocol];
}

TestProtocol test_protocol_from_string(const char *s) {
        for (int i = 0; i < TEST_PROTOCOL_MAX; i++)
                if (strcmp(protocol_names[i], s) == 0)
                        return (TestProtocol)i;
        return TEST_PROTOCOL_INVALID;
}
