/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "loader/source.h"

/*
 * Reading what is in a module, as ptest-worker --list-module writes it
 */

/*
 * Adds contexts, tests and templates to the suite; all of them, or nothing. fd: of a file, whose position is moved. why: how
 * the program that wrote it went wrong, or NULL; for a listing that is not whole. -EBADMSG: a problem says why
 */
int module_listing_read(
                SourceContext *context,
                const char *path,
                const char *prefix,
                int fd,
                const char *why);
