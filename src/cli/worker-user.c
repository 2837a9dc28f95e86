/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/worker-user.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "basic/log.h"
#include "config.h"

static int worker_user_look_up(const char *name, WorkerUser *ret) {
        const struct passwd *pw;
        char *copy;

        errno = 0;
        pw = getpwnam(name);
        if (!pw)
                return errno > 0 && errno != ENOENT ? -errno : -ESRCH;
        copy = strdup(pw->pw_name);
        if (!copy)
                return -ENOMEM;
        *ret = (WorkerUser){ .name = copy, .uid = pw->pw_uid, .gid = pw->pw_gid };
        return 0;
}

static int worker_user_find_wanted(const char *wanted, const char *place, WorkerUser *ret) {
        _cleanup_free_ char *name = NULL;
        WorkerUser user;
        int r;

        r = worker_user_look_up(wanted, &user);
        if (r < 0)
                return log_error_errno(
                                r,
                                "%s: User \"%s\" to run the tests as: %s",
                                place,
                                wanted,
                                r == -ESRCH ? "no such user" : strerror(-r));
        name = user.name;
        if (user.uid != geteuid() && geteuid() != 0) {
                log_error("%s: Tests can be run as \"%s\" by root only", place, wanted);
                return -EPERM;
        }
        /* Nothing to change to. */
        if (user.uid == geteuid())
                user.name = NULL;
        else
                name = NULL;
        *ret = user;
        return 0;
}

int worker_user_find(BackendKind backend, const char *wanted, const char *place, WorkerUser *ret) {
        int r;

        if (wanted)
                return worker_user_find_wanted(wanted, place, ret);
        if (geteuid() != 0 || backend != BACKEND_SYSTEM) {
                *ret = (WorkerUser){ .uid = geteuid(), .gid = getegid() };
                return 0;
        }
        r = worker_user_look_up(PTEST_WORKER_USER, ret);
        if (r == -ESRCH)
                log_error("Tests do not run as root unless that is asked for, and there is no user \"%s\": make it "
                          "(systemd-sysusers), or name another one with --user= or User=, be it root",
                          PTEST_WORKER_USER);
        else if (r < 0)
                log_error_errno(r, "Failed to look up user \"%s\": %m", PTEST_WORKER_USER);
        return r;
}
