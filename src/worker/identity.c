/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "worker/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "basic/macros.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "model/test.h"

/*
 * With these a test could speak to the service manager in the coordinator's name, or take its own stdout for
 * the journal. PTEST_ADDRESS is of another test, where one ptest runs another.
 */
static const char *const coordinator_variables[] = {
        "CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "INVOCATION_ID",
        "JOURNAL_STREAM",  "LISTEN_FDNAMES",          "LISTEN_FDS",
        "LISTEN_PID",      "LOGS_DIRECTORY",          "MAINPID",
        "NOTIFY_SOCKET",   "PTEST_ADDRESS",           "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY", "SYSTEMD_EXEC_PID",        "WATCHDOG_PID",
        "WATCHDOG_USEC",
};

/* The session of the user that the worker no longer is. */
static const char *const session_variables[] = {
        "DBUS_SESSION_BUS_ADDRESS", "MAIL", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_SESSION_ID",
};

static int user_find(const char *user, struct passwd **ret) {
        struct passwd *found = NULL;

        errno = 0;
        found = getpwnam(user);
        if (!found)
                return errno > 0 && errno != ENOENT ? -errno : -ESRCH;
        *ret = found;
        return 0;
}

int identity_become(const char *user) {
        struct passwd *found = NULL;
        int r;

        r = user_find(user, &found);
        if (r < 0)
                return r;
        /* Already that one, without the right to change: only its own groups are there to be had. */
        if (geteuid() != 0 && found->pw_uid == geteuid())
                return 0;

        if (initgroups(user, found->pw_gid) < 0)
                return -errno;
        if (setresgid(found->pw_gid, found->pw_gid, found->pw_gid) < 0)
                return -errno;
        if (setresuid(found->pw_uid, found->pw_uid, found->pw_uid) < 0)
                return -errno;
        return 0;
}

static int environment_add(char ***environment, const EnvOp *ops, size_t n_ops) {
        _cleanup_strv_ char **changed = NULL;
        int r;

        r = env_apply(*environment, ops, n_ops, &changed);
        if (r < 0)
                return r;
        strv_free(*environment);
        *environment = TAKE_PTR(changed);
        return 0;
}

static int environment_drop(char ***environment, const char *const *names, size_t n_names) {
        for (size_t i = 0; i < n_names; i++) {
                EnvOp op = {
                        .kind = ENV_OP_UNSET,
                        .name = (char *)names[i],
                        .value = (char *)"",
                };
                int r = environment_add(environment, &op, 1);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int environment_set_user(char ***environment, const char *user) {
        struct passwd *found = NULL;
        int r;

        r = user_find(user, &found);
        if (r < 0)
                return r;

        EnvOp ops[] = {
                {.kind = ENV_OP_SET,  .name = (char *)"HOME",    .value = found->pw_dir  },
                { .kind = ENV_OP_SET, .name = (char *)"LOGNAME", .value = found->pw_name },
                { .kind = ENV_OP_SET, .name = (char *)"SHELL",   .value = found->pw_shell},
                { .kind = ENV_OP_SET, .name = (char *)"USER",    .value = found->pw_name },
        };

        return environment_add(environment, ops, ELEMENTSOF(ops));
}

/* A service has no home; a test that looks for one is to find what it finds at a terminal. */
static int environment_set_home(char ***environment) {
        const struct passwd *found;

        strv_for_each(variable, *environment)
                if (text_starts_with(*variable, "HOME="))
                        return 0;
        found = getpwuid(geteuid());
        if (!found || !found->pw_dir)
                return 0;

        EnvOp op = { .kind = ENV_OP_SET, .name = (char *)"HOME", .value = found->pw_dir };
        return environment_add(environment, &op, 1);
}

int identity_make_environment(char *const *own, const char *user, char ***ret) {
        _cleanup_strv_ char **environment = NULL;
        int r;

        environment = strv_copy(own);
        if (!environment)
                return -ENOMEM;
        r = environment_drop(
                        &environment, coordinator_variables, ELEMENTSOF(coordinator_variables));
        if (r < 0)
                return r;
        if (user) {
                r = environment_drop(
                                &environment, session_variables, ELEMENTSOF(session_variables));
                if (r < 0)
                        return r;
                r = environment_set_user(&environment, user);
                if (r < 0)
                        return r;
        }
        r = environment_set_home(&environment);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(environment);
        return 0;
}
