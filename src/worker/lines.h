/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macros.h"

#include <stdbool.h>

/*
 * Cutting a stream of bytes into lines, as it arrives
 *
 * Lines are told without their "\n" or "\r\n". Of a line that is longer than LINES_MAX only the beginning is
 * told, so that memory stays bounded whatever a program prints.
 */

/* Far above what people print on one line; TAP descriptions are below 1 KiB. */
#define LINES_MAX (64U * 1024U)

typedef struct Lines {
        char *pending; /* a line whose end has not arrived */
        size_t size;
        size_t allocated;
} Lines;

/* The line is not NUL-terminated. Negative ends the feeding and is returned by it. */
typedef int (*LinesHandler)(const char *line, size_t size, void *userdata);

void lines_done(Lines *lines);

int lines_feed(Lines *lines, const char *data, size_t size, LinesHandler handler, void *userdata);
/* The last line, if it had no end. */
int lines_finish(Lines *lines, LinesHandler handler, void *userdata);
