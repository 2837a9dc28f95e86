/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * (Not spawn.c: that header would hide the one of the C library.) posix_spawn() does the work between fork and exec: it calls nothing there that is unsafe in a process with
 * threads, does not copy our memory, and reports a failing exec to its caller. What it cannot do itself is
 * prepared here: every fd is first duplicated above the range of the targets, so that no dup2() overwrites
 * a source that is still needed.
 */

#include "backend/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/fd.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/process.h"
#include "basic/strv.h"
#include "basic/text.h"

#define LAUNCH_FIRST_FD 3

/* Of a process whose mark is looked for */
#define ENVIRONMENT_MAX (4 * MIB)

typedef struct LaunchPlan {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int *sources; /* duplicates above all targets; closed on exec */
        size_t n_sources;
} LaunchPlan;

static void launch_plan_done(LaunchPlan *plan) {
        posix_spawn_file_actions_destroy(&plan->actions);
        posix_spawnattr_destroy(&plan->attributes);
        for (size_t i = 0; i < plan->n_sources; i++)
                fd_close(plan->sources[i]);
        free(plan->sources);
}

/* Lets a duplicate of fd, which must not be one of the targets, become target in the child. */
static int launch_plan_add_fd(LaunchPlan *plan, int fd, int target, int first_free) {
        int source = fcntl(fd, F_DUPFD_CLOEXEC, first_free);
        if (source < 0)
                return -errno;

        plan->sources[plan->n_sources++] = source;
        return -posix_spawn_file_actions_adddup2(&plan->actions, source, target);
}

static int launch_plan_set_signals(LaunchPlan *plan) {
        sigset_t none, all;

        sigemptyset(&none);
        sigfillset(&all);

        int r = -posix_spawnattr_setsigmask(&plan->attributes, &none);
        if (r < 0)
                return r;

        r = -posix_spawnattr_setsigdefault(&plan->attributes, &all);
        if (r < 0)
                return r;

        return -posix_spawnattr_setflags(
                        &plan->attributes,
                        POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int launch_plan_set_fds(LaunchPlan *plan, const int *fds, size_t n_fds) {
        int first_free = LAUNCH_FIRST_FD + (int)n_fds;

        plan->sources = calloc(n_fds + 1, sizeof(int));
        if (!plan->sources)
                return -ENOMEM;

        for (size_t i = 0; i < n_fds; i++) {
                int r = launch_plan_add_fd(plan, fds[i], LAUNCH_FIRST_FD + (int)i, first_free);
                if (r < 0)
                        return r;
        }

        /* A bare chroot may have no /dev/null; then our own standard input stays. */
        _cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (null_fd >= 0) {
                int r = launch_plan_add_fd(plan, null_fd, STDIN_FILENO, first_free);
                if (r < 0)
                        return r;
        }

#if __GLIBC_PREREQ(2, 34)
        /* Last: what somebody else left open without CLOEXEC is none of the worker's business. */
        return -posix_spawn_file_actions_addclosefrom_np(&plan->actions, first_free);
#else
        return 0;
#endif
}

static int launch_build_environment(const char *mark, char ***ret) {
        _cleanup_strv_ char **environment = NULL;

        strv_for_each(s, environ) {
                if (text_starts_with(*s, LAUNCH_MARK_VARIABLE "="))
                        continue;

                int r = strv_extend(&environment, *s);
                if (r < 0)
                        return r;
        }

        int r = strv_extendf(&environment, LAUNCH_MARK_VARIABLE "=%s", mark);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(environment);
        return 0;
}

int launch_worker(
                char *const *argv,
                const int *fds,
                size_t n_fds,
                const char *mark,
                pid_t *ret_pid,
                int *ret_pidfd) {
        _cleanup_strv_ char **environment = NULL;
        int r = launch_build_environment(mark, &environment);
        if (r < 0)
                return r;

        _cleanup_(launch_plan_done) LaunchPlan plan = {};
        posix_spawn_file_actions_init(&plan.actions);
        posix_spawnattr_init(&plan.attributes);

        r = launch_plan_set_signals(&plan);
        if (r < 0)
                return r;

        r = launch_plan_set_fds(&plan, fds, n_fds);
        if (r < 0)
                return r;

        pid_t pid = -1;
        r = -posix_spawn(&pid, argv[0], &plan.actions, &plan.attributes, argv, environment);
        if (r < 0)
                return r;

        /* The pid cannot be reused before we reap the child, so this is the right process even if it has ended. */
        _cleanup_close_ int pidfd = -1;
        r = process_open(pid, &pidfd);
        if (r < 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                return r;
        }

        *ret_pid = pid;
        *ret_pidfd = TAKE_FD(pidfd);
        return 0;
}

char *launch_read_mark(pid_t pid) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size = 0;

        if (asprintf(&path, "/proc/%d/environ", (int)pid) < 0 ||
            file_read(path, ENVIRONMENT_MAX, &text, &size) < 0)
                return NULL;

        for (const char *s = text; s < text + size; s += strlen(s) + 1)
                if (text_starts_with(s, LAUNCH_MARK_VARIABLE "="))
                        return strdup(s + strlen(LAUNCH_MARK_VARIABLE "="));

        return NULL;
}
