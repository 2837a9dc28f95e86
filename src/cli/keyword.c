/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/keyword.h"

#include "basic/strv.h"
#include "model/pattern.h"

int keyword_add(struct argp_state *state, const char *value, char ***patterns) {
        if (!pattern_is_valid(value))
                argp_error(state,
                           "\"%s\" is not a pattern; write a part of an address or a glob",
                           value);
        return strv_extend(patterns, value);
}
