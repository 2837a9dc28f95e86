/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record/buffer.h"
#include "record/record.h"

/*
 * The Journal Export Format of fields: "NAME=value\n", or for values with bytes that do not fit there
 * "NAME\n", 64 bits of length in little endian, the bytes, "\n". An empty line ends an entry.
 *
 * The journal's native protocol has the same fields, without the empty line.
 */

void export_add_field(Buffer *buffer, const char *name, const void *data, size_t size);
void export_add_record(Buffer *buffer, const Record *record);
