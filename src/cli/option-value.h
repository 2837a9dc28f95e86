/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <argp.h>

/*
 * Values of options
 */

/*
 * Says that the value of the option is not what is wanted, as in "the path of a file"; a NULL value is an empty one.
 * EINVAL, for argp
 */
error_t option_value_reject(
                const struct argp_option *table, int key, const char *value, const char *want);
