/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <argp.h>

/*
 * The option --keyword (-k), which tests are selected with
 */

/* Adds the pattern to a vector; what is none is an error of use, told with argp_error(). -ENOMEM */
int keyword_add(struct argp_state *state, const char *value, char ***patterns);
