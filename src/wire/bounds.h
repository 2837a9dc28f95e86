/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * The look at a message before any memory is spent on it
 *
 * Only the headers of its values are read. -EBADMSG unless the bytes are exactly one msgpack value, no deeper
 * than PTEST_MESSAGE_DEPTH_MAX, of at most PTEST_MESSAGE_VALUES_MAX values, and with no container that
 * declares more than the bytes behind it can hold.
 */
int bounds_check(const void *data, size_t size);
/* The same for a value that others may follow. */
int bounds_measure(const void *data, size_t size, size_t *ret_used);
