/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coordinator/status-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptest/protocol.h"

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/process.h"
#include "basic/text.h"

/* Processes of one test that are looked at: this is for a person who waits. */
#define PROCESSES_MAX ((size_t)1000)

#define NUMBER_FILE_MAX ((size_t)4096)

/* A cell is beside the leaf of the worker: ".../x.scope/worker" and ".../x.scope/t7/what-the-test-made". */
static int find_cell(pid_t leader, pid_t worker, char **ret) {
        _cleanup_free_ char *own = NULL, *theirs = NULL;
        size_t n;
        int r;

        r = process_get_cgroup(worker, &own);
        if (r >= 0)
                r = process_get_cgroup(leader, &theirs);
        if (r < 0)
                return r;
        if (!text_ends_with(own, "/" PTEST_CGROUP_LEAF))
                return -ENODATA;
        n = strlen(own) - strlen(PTEST_CGROUP_LEAF);
        if (strncmp(own, theirs, n) != 0 || strcmp(own, theirs) == 0)
                return -ENODATA;
        theirs[n + strcspn(theirs + n, "/")] = 0;
        *ret = TAKE_PTR(theirs);
        return 0;
}

static int read_number(const char *path, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        char *end = NULL;
        uint64_t number;
        int r;

        r = file_read(path, NUMBER_FILE_MAX, &text, NULL);
        if (r < 0)
                return r;
        number = strtoull(text, &end, 10);
        if (end == text)
                return -ENODATA;
        *ret = number;
        return 0;
}

static int measure_cell(pid_t leader, pid_t worker, uint64_t *ret) {
        static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        _cleanup_free_ char *cell = NULL;
        int r;

        r = find_cell(leader, worker, &cell);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(mounts); i++) {
                _cleanup_free_ char *path = NULL;

                r = text_setf(&path, "%s%s/memory.current", mounts[i], cell);
                if (r >= 0 && read_number(path, ret) >= 0)
                        return 0;
        }
        return r < 0 ? r : -ENODATA;
}

int status_measure_memory(
                pid_t leader, pid_t worker, uint64_t *ret_bytes, const char **ret_source) {
        _cleanup_free_ pid_t *pids = NULL;
        uint64_t sum = 0, bytes;
        size_t n = 0;

        if (leader <= 1)
                return -ESRCH;
        if (measure_cell(leader, worker, &sum) >= 0) {
                *ret_bytes = sum;
                *ret_source = "cgroup";
                return 0;
        }
        (void)process_get_memory(leader, &sum);
        if (process_list_descendants(leader, PROCESSES_MAX, &pids, &n) < 0 || sum == 0)
                return -ESRCH;
        for (size_t i = 0; i < n; i++)
                if (process_get_memory(pids[i], &bytes) >= 0)
                        sum += bytes;
        *ret_bytes = sum;
        *ret_source = "processes";
        return 0;
}
