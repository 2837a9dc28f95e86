/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/reporter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "basic/fd.h"

int reporter_on_event(Reporter *reporter, const Event *event) {
        assert(reporter);
        assert(event);

        return reporter->vtable->on_event(reporter, event);
}

Reporter *reporter_free(Reporter *reporter) {
        if (reporter)
                reporter->vtable->free(reporter);
        return NULL;
}

int reporter_open_output(const char *path) {
        int fd;

        if (strcmp(path, "-") != 0)
                return fd_open_output(path);
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return fd < 0 ? -errno : fd;
}
