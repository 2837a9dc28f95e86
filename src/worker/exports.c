/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/exports.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "basic/strv.h"
#include "basic/text.h"
#include "model/test.h"
#include "ptest/protocol.h"
#include "worker/handover.h"

static bool line_is_assignment(const char *line) {
        size_t length = strspn(
                        line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

        return length > 0 && !strchr("0123456789", line[0]) && line[length] == '=';
}

static int lines_check(char *const *lines, char **ret_problem) {
        unsigned number = 1;

        if (strv_length(lines) > PTEST_EXPORTS_MAX)
                return text_setf(
                                ret_problem,
                                "it exports more than %u variables by PTEST_ENV",
                                PTEST_EXPORTS_MAX);
        strv_for_each(line, lines) {
                if (!line_is_assignment(*line))
                        return text_setf(
                                        ret_problem,
                                        "line %u of what it exports by PTEST_ENV is not NAME=value: %.100s",
                                        number,
                                        *line);
                number++;
        }
        return 0;
}

int exports_read(const char *path, char ***ret, char **ret_problem) {
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *data = NULL;
        int r;

        r = handover_take(
                        path,
                        PTEST_EXPORTS_SIZE_MAX,
                        "what it exports by PTEST_ENV",
                        "16 KiB",
                        &data,
                        ret_problem);
        if (r <= 0)
                return r;
        r = strv_split(data, "\n", &lines);
        if (r >= 0)
                r = lines_check(lines, ret_problem);
        if (r < 0 || *ret_problem)
                return r;
        *ret = TAKE_PTR(lines);
        return 0;
}

int exports_apply(char *const *exports, char ***environment) {
        strv_for_each(assignment, exports) {
                const char *equals = strchr(*assignment, '=');
                _cleanup_free_ char *name = strndup(*assignment, (size_t)(equals - *assignment));
                char **applied;
                int r;

                if (!name)
                        return -ENOMEM;
                r = env_apply(*environment,
                              &(EnvOp){ .kind = ENV_OP_SET,
                                        .name = name,
                                        .value = (char *)equals + 1 },
                              1,
                              &applied);
                if (r < 0)
                        return r;
                strv_free(*environment);
                *environment = applied;
        }
        return 0;
}
