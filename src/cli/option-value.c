/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/option-value.h"

#include <errno.h>
#include <stdbool.h>

#include "basic/log.h"

/* As argp has it */
static bool option_is_end(const struct argp_option *option) {
        return option->key == 0 && !option->name && !option->doc && option->group == 0;
}

static const char *option_get_name(const struct argp_option *table, int key) {
        for (const struct argp_option *option = table; !option_is_end(option); option++)
                if (option->key == key && option->name)
                        return option->name;
        return "";
}

error_t option_value_reject(
                const struct argp_option *table, int key, const char *value, const char *want) {
        log_error("--%s: \"%s\" is not %s", option_get_name(table, key), value ?: "", want);
        return EINVAL;
}
