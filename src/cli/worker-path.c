/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli/worker-path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "config.h"

int worker_path_find(char **ret) {
        const char *given = getenv("PTEST_WORKER");
        _cleanup_free_ char *path = NULL;
        char self[PATH_MAX];
        ssize_t n;
        int r;

        if (given && *given)
                return path_make_absolute(given, ret);
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n > 0) {
                self[n] = 0;
                *strrchr(self, '/') = 0;
                r = text_setf(&path, "%s/../worker/ptest-worker", self);
                if (r < 0)
                        return r;
                if (access(path, X_OK) == 0)
                        return path_make_absolute(path, ret);
        }
        if (access(PTEST_WORKER_PATH, X_OK) < 0)
                return -errno;
        *ret = strdup(PTEST_WORKER_PATH);
        return *ret ? 0 : -ENOMEM;
}
