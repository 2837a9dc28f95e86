/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "loader/problems.h"

/*
 * Reading files of sections and assignments: suite files, drop-ins and .test files
 */

/* Far above any suite that a person writes; a generator's output belongs into a build's own format. */
#define KEYFILE_SIZE_MAX (16U * 1024U * 1024U)

/* What a line says. All strings are valid during the call only. */
typedef struct KeyfileLine {
        const char *path;
        unsigned line;       /* the first one of a line that goes on */
        const char *section; /* without the brackets */
        const char *key;     /* NULL: the section begins here */
        const char *value;   /* without the space around it; "" for an empty one */
} KeyfileLine;

/* Negative ends the reading and is returned. */
typedef int (*KeyfileHandler)(const KeyfileLine *line, void *userdata);

typedef enum KeyfileFlags {
        KEYFILE_CONTINUE = 1 << 0, /* a backslash at the end of a line joins the next one to it */
} KeyfileFlags;

/*
 * Calls the handler for each section and assignment in order. What is not understood goes to the problems,
 * and the reading goes on. Negative: the file cannot be read (a problem says so, too), or the handler's error.
 */
int keyfile_read(
                const char *path,
                unsigned flags,
                KeyfileHandler handler,
                void *userdata,
                LoadProblems *problems);
