/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/suite.h"

/*
 * "ptest list --tree": tests below the contexts that they are in, for people
 */

int list_tree_print(const Suite *suite);
