/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "backend/backend.h"

/*
 * Who the tests run as
 *
 * Without root: as we are. With root on the system backend: as the user that was asked for, else as the
 * unprivileged user that the package made (config.h); never as root unless that was asked for. With root on
 * the other backends, as in a package build: as we are, unless another user was asked for.
 */

typedef struct WorkerUser {
        char *name; /* NULL: as we are */
        uid_t uid;
        gid_t gid;
} WorkerUser;

/* wanted: a name or NULL; place: what names it, for messages. Logs what is wrong. -EPERM, -ESRCH (no such user) */
int worker_user_find(BackendKind backend, const char *wanted, const char *place, WorkerUser *ret);
