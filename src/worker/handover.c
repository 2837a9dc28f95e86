/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker/handover.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/text.h"

int handover_take(
                const char *path,
                size_t max,
                const char *what,
                const char *most,
                char **ret,
                char **ret_problem) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read_regular(path, max, &data, &size);
        (void)unlink(path);
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return 0;
        if (r == -EFBIG)
                return text_setf(ret_problem, "%s cannot be read: it is more than %s", what, most);
        if (r < 0)
                return text_setf(
                                ret_problem,
                                "%s cannot be read: %s",
                                what,
                                r == -ENODEV ? "it is not a file any more" : strerror(-r));
        if (strlen(data) != size)
                return text_setf(ret_problem, "%s has a NUL", what);
        *ret = TAKE_PTR(data);
        return 1;
}
