/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * What meson knows about tests and does not write into its JSON
 *
 * should_fail, what is done to the environment (set, append, prepend, unset) and test setups stand only in pickles,
 * which only Python with the same meson can read. So this asks a Python child, with a time limit. It is for one
 * who can do without: there may be no Python, no meson, or another one than that of the build.
 */

/*
 * A fd with one JSON object a line for each test, in the order of intro-tests.json:
 *      {"name", "should_fail", "env": [[op, name, value, separator], …], "wrapper": [words],
 *       "multiplier": of its timeout, "excluded": by the default setup, "error": text|null}
 * with_setup: the project may have a default test setup, which is applied.
 * Negative: not available, and *ret_reason says why in a few words (or is NULL).
 */
int meson_helper_run(const char *build, bool with_setup, int *ret_fd, char **ret_reason);
