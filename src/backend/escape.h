/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * Names of units, from names of suites
 *
 * A suite's name is escaped as systemd-escape does it, so that it has no '-' left: ptest-a\x2db.slice
 * is right below ptest.slice. One too long for a unit's name is cut and gets a hash of the whole.
 */

/* NULL on ENOMEM */
char *escape_name(const char *s);

int escape_slice_unit(const char *suite, char **ret);
int escape_scope_unit(
                const char *suite,
                const char *run_id,
                unsigned slot,
                unsigned generation,
                char **ret);

int escape_guard_unit(const char *suite, const char *run_id, unsigned generation, char **ret);

/* "ptest-<suite>-", with which all scopes of the suite begin */
int escape_scope_prefix(const char *suite, char **ret);

/*
 * A pattern that matches what begins with prefix and ends in .scope. The manager uses fnmatch() with
 * FNM_NOESCAPE: the backslashes of an escaped name stand for themselves.
 */
int escape_scope_pattern(const char *prefix, char **ret);

/* The run's id in a scope's name that begins with prefix; false if it is not one of ours. */
bool escape_find_run_id(const char *unit, const char *prefix, char ret[33]);
