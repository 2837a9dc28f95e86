/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * What a test that is running has printed so far
 */

typedef struct LogLive {
        const char *address;
        const char *run; /* NULL: the one in which it runs */
        bool follow;     /* until it ends */
        bool raw;        /* bytes as they are */
        bool only_out, only_err;
} LogLive;

/* The exit status of the verb; what is wrong is logged. */
int log_live(const LogLive *options);
