/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a process has open
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "basic/parse.h"
#include "worker/sockets.h"
#include "worker/stuck-internal.h"

/* Of one process; beyond, they are counted. */
#define FILES_MAX 64U

static void closedirp(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

static void file_report(
                Findings *findings, Sockets **sockets, pid_t pid, int dir_fd, const char *name) {
        _cleanup_free_ char *what = NULL;
        char target[PATH_MAX];
        bool listening;
        uint64_t inode;
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

        if (n < 0)
                return;
        target[n] = '\0';
        if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1) {
                if (sockets_ensure(sockets, pid) >= 0)
                        (void)sockets_describe(*sockets, inode, &what, &listening);
        }
        if (what)
                findings_add(findings, "    fd %s: %s, %s", name, target, what);
        else
                findings_add(findings, "    fd %s: %s", name, target);
}

void files_report(Findings *findings, Sockets **sockets, pid_t pid) {
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        unsigned n = 0, number;
        struct dirent *entry;

        if (asprintf(&path, "/proc/%d/fd", (int)pid) < 0)
                return;
        dir = opendir(path);
        if (!dir) {
                findings_add(findings, "    open files: %s", strerror(errno));
                return;
        }
        while ((entry = readdir(dir)))
                if (parse_unsigned(entry->d_name, INT_MAX, &number) >= 0 && n++ < FILES_MAX)
                        file_report(findings, sockets, pid, dirfd(dir), entry->d_name);
        if (n > FILES_MAX)
                findings_add(findings, "    and %u more open files", n - FILES_MAX);
}
