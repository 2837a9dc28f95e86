/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/stuck.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/helper.h"
#include "basic/strv.h"
#include "basic/text.h"
#include "worker/stuck-report.h"

struct Stuck {
        Helper *helper;
        int cgroup_fd; /* -1: none */
};

/* What the helper, which has no fd of ours, can open; NULL: none */
static char *fd_get_path(int fd) {
        _cleanup_free_ char *link = NULL;
        char path[PATH_MAX];
        ssize_t n;

        if (asprintf(&link, "/proc/self/fd/%d", fd) < 0)
                return NULL;
        n = readlink(link, path, sizeof(path) - 1);
        return n < 0 ? NULL : strndup(path, (size_t)n);
}

static int arguments_make(const StuckSpec *spec, char ***ret) {
        _cleanup_free_ char *cgroup = spec->cgroup_fd < 0 ? NULL : fd_get_path(spec->cgroup_fd);
        const size_t n = MIN(spec->n_pids, (size_t)STUCK_REPORT_PROCESSES_MAX);
        _cleanup_strv_ char **arguments = NULL;
        int r;

        r = strv_extend(&arguments, "/proc/self/exe");
        if (r >= 0)
                r = strv_extend(&arguments, STUCK_REPORT_OPTION);
        if (r >= 0 && spec->policy == STUCK_PROCESSES)
                r = strv_extend(&arguments, STUCK_REPORT_BRIEF);
        if (r >= 0 && cgroup)
                r = strv_extendf(&arguments, STUCK_REPORT_FREEZE "%s", cgroup);
        if (r >= 0 && spec->n_pids > n)
                r = strv_extendf(&arguments, STUCK_REPORT_MORE "%zu", spec->n_pids - n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = strv_extendf(&arguments, "%d", (int)spec->pids[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(arguments);
        return 0;
}

int stuck_start(const StuckSpec *spec, Stuck **ret) {
        const uint64_t usec = spec->policy == STUCK_PROCESSES ? STUCK_REPORT_BRIEF_MAX_USEC :
                                                                STUCK_REPORT_MAX_USEC;
        _cleanup_(stuck_freep) Stuck *stuck = NULL;
        _cleanup_strv_ char **arguments = NULL;
        int r;

        if (spec->policy == STUCK_NONE)
                return -ECANCELED;
        stuck = malloc(sizeof(*stuck));
        if (!stuck)
                return -ENOMEM;
        *stuck = (Stuck){ .cgroup_fd = -1 };
        if (spec->cgroup_fd >= 0)
                stuck->cgroup_fd = fcntl(spec->cgroup_fd, F_DUPFD_CLOEXEC, 3);
        r = arguments_make(spec, &arguments);
        if (r < 0)
                return r;
        r = helper_start(arguments, environ, usec_add(clock_monotonic(), usec), &stuck->helper);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(stuck);
        return 0;
}

Stuck *stuck_free(Stuck *stuck) {
        if (!stuck)
                return NULL;
        stuck_release(stuck);
        helper_free(stuck->helper);
        fd_close(stuck->cgroup_fd);
        free(stuck);
        return NULL;
}

bool stuck_note_end(Stuck *stuck, pid_t pid) {
        if (pid <= 0 || helper_get_pid(stuck->helper) != pid)
                return false;
        helper_on_reaped(stuck->helper);
        return true;
}

pid_t stuck_get_pid(const Stuck *stuck) {
        return helper_get_pid(stuck->helper);
}

bool stuck_is_made(const Stuck *stuck) {
        return helper_get_pid(stuck->helper) == 0;
}

uint64_t stuck_get_deadline(const Stuck *stuck) {
        return helper_get_deadline(stuck->helper);
}

void stuck_dispatch(Stuck *stuck, uint64_t now) {
        if (now >= helper_get_deadline(stuck->helper))
                helper_kill(stuck->helper);
}

void stuck_abort(Stuck *stuck) {
        helper_kill(stuck->helper);
        stuck_release(stuck);
}

int stuck_take(Stuck *stuck, char ***ret) {
        _cleanup_free_ char *text = NULL, *safe = NULL;
        size_t size;
        int r;

        r = helper_read(stuck->helper, STUCK_REPORT_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        /* Whole lines: it may have been killed in the middle of one. */
        while (size > 0 && text[size - 1] != '\n')
                size--;
        safe = text_escape_lines(text, size);
        if (!safe)
                return -ENOMEM;
        return strv_split(safe, "\n", ret);
}

void stuck_release(Stuck *stuck) {
        _cleanup_close_ int fd = -1;

        if (stuck->cgroup_fd < 0)
                return;
        fd = openat(stuck->cgroup_fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
                (void)fd_write_all(fd, "0", 1);
}
