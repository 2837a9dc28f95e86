/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * A report that takes its name only when it is complete: until then it stands beside it, as ".NAME.XXXXXXXX.unfinished"
 *
 * Who writes it holds a lock on it, so that what somebody left who was killed can be told from what is written now.
 */

/* A rename would replace a device, a pipe or a link, and /dev/stdout is one: such a path is written to directly. */
bool report_file_is_stream(const char *path);

/* Creates one for path, and removes those for it whose writers are gone. Returns the fd; the caller frees the name. */
int report_file_create(const char *path, char **ret_unfinished);

/* Gives it its name, and forgets the other one. */
int report_file_finish(char **unfinished, const char *path);
